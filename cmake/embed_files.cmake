# gorgon_embed_files(TARGET HEADER header DIRECTORY directory PATTERNS glob…)
#
# Puts the files of a directory into a target. `header`, a path below src/, declares in the namespace of its folder
# std::span<const EmbeddedFile> NAME(), where NAME is the header's own; the files are in the order of their names.
#
# The same file, run as a script, writes OUTPUT: the C++ source that defines that function.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  function(gorgon_embed_files target)
    cmake_parse_arguments(ARG "" "HEADER;DIRECTORY" "PATTERNS" ${ARGN})
    list(TRANSFORM ARG_PATTERNS PREPEND ${ARG_DIRECTORY}/ OUTPUT_VARIABLE globs)
    file(GLOB files CONFIGURE_DEPENDS ${globs})
    cmake_path(GET ARG_HEADER STEM name)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DHEADER=${ARG_HEADER} -DDIRECTORY=${ARG_DIRECTORY} "-DFILES=${files}" -DOUTPUT=${output}
              -P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
      DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
      VERBATIM)
    target_sources(${target} PRIVATE ${output})
  endfunction()
  return()
endif()

cmake_path(GET HEADER PARENT_PATH folder)
cmake_path(GET HEADER STEM function)
set(text "// Made by cmake/embed_files.cmake.\n#include \"${HEADER}\"\n\n#include <array>\n#include <span>\n#include <string_view>\n\n")
string(APPEND text "#include \"base/embedded_file.h\"\n\nnamespace gorgon::${folder} {\n\nnamespace {\n")
set(rows "")
set(count 0)
foreach(file ${FILES})
  file(RELATIVE_PATH name ${DIRECTORY} ${file})
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND text "constexpr char kFile${count}[] = {${bytes}};\n")
  string(APPEND rows "    EmbeddedFile{\"${name}\", std::string_view(kFile${count}, sizeof(kFile${count}))},\n")
  math(EXPR count "${count} + 1")
endforeach()
string(APPEND text "constexpr std::array<EmbeddedFile, ${count}> kFiles = {{\n${rows}}};\n}  // namespace\n\n")
string(APPEND text "std::span<const EmbeddedFile> ${function}() { return kFiles; }\n\n}  // namespace gorgon::${folder}\n")
file(WRITE ${OUTPUT} "${text}")
