# What only tests are made of waits more than it computes: optimizing it is half the time of a whole build. What it tests is
# optimized as people run it.
add_library(gorgon_test_code INTERFACE)
target_compile_options(gorgon_test_code INTERFACE $<$<CONFIG:Release>:-O0>)

# gorgon_library(NAME [DEPENDS folder…] [LINK library…] [TEST_LINK library…] [WHOLE_TEST_BINARY])
#
# One static library per folder of src/, from all its .cc files, and one test program from all its *_test.cc files,
# registered test by test with ctest. Sub-folders belong to the folder. WHOLE_TEST_BINARY registers the test program as
# one ctest test: for tests that share something slow to start, such as a RabbitMQ.
function(gorgon_library name)
  cmake_parse_arguments(ARG "WHOLE_TEST_BINARY" "" "DEPENDS;LINK;TEST_LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPENDS PREPEND gorgon_)

  if(sources)
    add_library(gorgon_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(gorgon_${name} PRIVATE gorgon_warnings)
  else()
    add_library(gorgon_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(gorgon_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(gorgon_${name} ${scope} ${ARG_DEPENDS} ${ARG_LINK})

  if(tests)
    add_executable(gorgon_${name}_test ${tests})
    target_link_libraries(gorgon_${name}_test PRIVATE gorgon_${name} gorgon_warnings gorgon_test_code GTest::gmock
                          GTest::gtest_main ${ARG_TEST_LINK})
    if(ARG_WHOLE_TEST_BINARY)
      add_test(NAME gorgon_${name}_test COMMAND gorgon_${name}_test)
      set_tests_properties(gorgon_${name}_test PROPERTIES TIMEOUT 600 COST 100 LABELS integration)
    else()
      gtest_discover_tests(gorgon_${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 60 LABELS unit)
    endif()
  endif()
endfunction()
