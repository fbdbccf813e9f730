// Which lines of a backtrace tell the reader something: those of the project.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::report {

struct CutBacktrace {
  std::vector<std::string> lines;  ///< Not yet made safe for a terminal.
  std::size_t left_out = 0;
};

/// The frames of the project, paths relative to it. Left out: frames in gems (also those bundled
/// inside the project), in Ruby's own library and in Gorgon's runner. A trace without any frame of
/// the project keeps its first three.
///
/// A remote worker's trace names paths in that machine's workspace, which nobody here knows; where
/// a frame ends in `file` (relative to the project, as in "/w/k2x9/spec/a_spec.rb:3:in …"), what
/// stands before is taken for the project's folder, else `project_root` is.
[[nodiscard]] CutBacktrace cut_to_project(const std::vector<std::string>& backtrace,
                                          std::string_view file, std::string_view project_root);

}  // namespace gorgon::report
