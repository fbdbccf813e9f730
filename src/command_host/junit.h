// Reads JUnit XML, in the dialects that test tools write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

struct JunitResults {
  /// In the order of the file. The output is that of <system-out> and <system-err>.
  std::vector<results::TestCase> cases;
  std::vector<results::Failure> errors;  ///< What was wrong outside cases.
};

/// A name is "classname.name"; a location is of the attributes `file` and `line`, or found in the
/// failure's text. kProtocol: not XML, or no JUnit XML.
[[nodiscard]] Result<JunitResults> read_junit(std::string_view xml, const ReadUnit& unit);

}  // namespace gorgon::command_host
