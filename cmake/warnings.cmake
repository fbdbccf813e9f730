# Warnings for our own code. -Werror only in our presets, so that a newer compiler still builds a release.
option(GORGON_WERROR "Treat warnings as errors" OFF)
add_library(gorgon_warnings INTERFACE)
target_compile_options(gorgon_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
# GCC 12 cannot see through coroutine frames and std::expected and reports members as maybe uninitialized at -O2.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gorgon_warnings INTERFACE -Wno-maybe-uninitialized -Wno-missing-field-initializers)
else()
  target_compile_options(gorgon_warnings INTERFACE -Wno-missing-field-initializers)
endif()
if(GORGON_WERROR)
  target_compile_options(gorgon_warnings INTERFACE -Werror)
endif()
