# Warnings for our own code. -Werror only in our presets, so that a newer compiler still builds a release.
option(GORGON_WERROR "Treat warnings as errors" OFF)
add_library(gorgon_warnings INTERFACE)
target_compile_options(gorgon_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
# GCC 12 at -O2 reports coroutine frames and std::expected members as maybe uninitialized, and std::string concatenation as
# overlapping (its bug 105651), and coroutine frames as freed by a mismatched function.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gorgon_warnings INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-mismatched-new-delete -Wno-missing-field-initializers)
else()
  target_compile_options(gorgon_warnings INTERFACE -Wno-missing-field-initializers)
endif()
# In a unity build each file is included by another, and GCC takes what is private to it for a header's.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gorgon_warnings INTERFACE -Wno-subobject-linkage)
endif()
if(GORGON_WERROR)
  target_compile_options(gorgon_warnings INTERFACE -Werror)
endif()
