#include "report/backtrace.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::report {

namespace {

constexpr std::size_t kKeptWithoutProject = 3;

/// The folder with its slash, or empty.
std::string root_in(const std::vector<std::string>& backtrace, std::string_view file,
                    std::string_view project_root) {
  if (file.starts_with("./")) file.remove_prefix(2);
  if (!file.empty()) {
    const std::string mark = "/" + std::string(file) + ":";
    for (const std::string& frame : backtrace) {
      const std::size_t at = frame.find(mark);
      if (frame.starts_with('/') && at != std::string::npos) return frame.substr(0, at + 1);
    }
  }
  std::string root(project_root);
  if (!root.empty() && !root.ends_with('/')) root += '/';
  return root;
}

/// "…/lib/ruby/3.1.0/json.rb" and "…/lib/ruby/vendor_ruby/…": Ruby's own library or Debian's gems.
bool is_in_ruby_library(std::string_view path) {
  constexpr std::string_view kLibrary = "/ruby/";
  for (std::size_t at = path.find(kLibrary); at != std::string_view::npos;
       at = path.find(kLibrary, at + 1)) {
    const std::string_view rest = path.substr(at + kLibrary.size());
    if (rest.starts_with("vendor_ruby/") || rest.starts_with("site_ruby/")) return true;
    if (rest.size() > 1 && std::isdigit(static_cast<unsigned char>(rest[0])) != 0 &&
        rest[1] == '.') {
      return true;
    }
  }
  return false;
}

bool is_foreign(std::string_view path) {
  constexpr std::array<std::string_view, 9> kParts = {
      "/gems/",      "/rubygems",       "/bundler/",       "/gorgon/ruby/", "/bin/",
      "/lib/python", "/site-packages/", "/dist-packages/", "/node_modules/"};
  constexpr std::array<std::string_view, 3> kBuiltIn = {"<internal:", "<frozen ", "node:"};
  if (std::ranges::any_of(kBuiltIn, [&](std::string_view mark) { return path.starts_with(mark); }))
    return true;
  return is_in_ruby_library(path) || std::ranges::any_of(kParts, [&](std::string_view part) {
           return path.find(part) != std::string_view::npos;
         });
}

/// Inside the project its own bin/ and folders of any name belong to it; bundled gems and virtual
/// environments do not.
bool is_bundled(std::string_view relative) {
  if (relative.find("/site-packages/") != std::string_view::npos) return true;
  if (relative.find("node_modules/") != std::string_view::npos) return true;
  const bool has_gems = relative.find("/gems/") != std::string_view::npos;
  return has_gems && (relative.starts_with("vendor/") || relative.starts_with(".bundle/") ||
                      relative.find("/ruby/") != std::string_view::npos);
}

}  // namespace

CutBacktrace cut_to_project(const std::vector<std::string>& backtrace, std::string_view file,
                            std::string_view project_root) {
  const std::string root = root_in(backtrace, file, project_root);
  CutBacktrace cut;
  for (const std::string& frame : backtrace) {
    std::string_view path = frame;
    if (!root.empty() && path.starts_with(root)) path.remove_prefix(root.size());
    if (path.starts_with("./")) path.remove_prefix(2);
    const bool is_absolute =
        path.starts_with('/') || path.starts_with('<') || path.starts_with("node:");
    if (is_absolute ? is_foreign(path) : is_bundled(path)) {
      ++cut.left_out;
    } else {
      cut.lines.emplace_back(path);
    }
  }
  if (cut.lines.empty()) {
    const std::size_t kept = std::min(backtrace.size(), kKeptWithoutProject);
    cut.lines.assign(backtrace.begin(), backtrace.begin() + static_cast<std::ptrdiff_t>(kept));
    cut.left_out = backtrace.size() - kept;
  }
  return cut;
}

}  // namespace gorgon::report
