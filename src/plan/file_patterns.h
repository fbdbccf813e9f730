// Globs that a path is held against, where no files are looked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

/// As "files" of gorgon.json has them: any of the globs, and none of those that begin with "!". One
/// that matches a folder means all that is in it.
class FilePatterns {
 public:
  /// kUsage: braces stand for too many patterns.
  [[nodiscard]] static Result<FilePatterns> parse(const std::vector<std::string>& globs);
  /// `path` is relative to the project.
  [[nodiscard]] bool match(std::string_view path) const;

 private:
  std::vector<std::string> wanted_;
  std::vector<std::string> unwanted_;
};

}  // namespace gorgon::plan
