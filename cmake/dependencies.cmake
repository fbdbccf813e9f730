# Everything here is a Debian 12 package; script/build names them.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(rabbitmq-c REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(EXPAT REQUIRED)
find_package(GTest REQUIRED)
include(GoogleTest)
# libsodium brings no CMake file of its own.
find_path(SODIUM_INCLUDE_DIR sodium.h REQUIRED)
find_library(SODIUM_LIBRARY sodium REQUIRED)
add_library(sodium UNKNOWN IMPORTED)
set_target_properties(sodium PROPERTIES IMPORTED_LOCATION ${SODIUM_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${SODIUM_INCLUDE_DIR})

# Asio is compiled once, in base/asio.cc, instead of in every file that includes it.
add_library(gorgon_asio INTERFACE)
target_compile_definitions(gorgon_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_link_libraries(gorgon_asio INTERFACE Boost::headers Threads::Threads)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTY RULE_LAUNCH_COMPILE "")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
