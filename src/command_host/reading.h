// What the readers of TAP and JUnit XML share: which unit they read for, and how places in it are
// found and named.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "results/verdict.h"

namespace gorgon::command_host {

inline constexpr std::string_view kDigits = "0123456789";

/// The unit whose results are read.
struct ReadUnit {
  std::string file;       ///< As the unit has it.
  std::string workspace;  ///< Absolute: names of cases do not depend on where that is.
};

/// A case that was read. Its id is set by CaseIds.
using TakeCase = std::function<void(results::TestCase)>;

/// Gives each case of a unit an id: its name, "name~2" for a second one of that name, and so on.
class CaseIds {
 public:
  [[nodiscard]] std::string id_for(const std::string& name);

 private:
  std::set<std::string> taken_;
};

/// `text` with paths in the workspace relative to it, and "file://" taken off.
[[nodiscard]] std::string relative_paths(std::string text, const ReadUnit& unit);
/// "path:line" from "path:line:column"; other texts as they are.
[[nodiscard]] std::string without_column(std::string text);
/// "file:12" when `text`, with relative paths, names a line of the unit's file; else the file.
[[nodiscard]] std::string place_in(std::string_view text, const ReadUnit& unit);

/// Something that was wrong outside cases.
[[nodiscard]] results::Failure outside(std::string message);

}  // namespace gorgon::command_host
