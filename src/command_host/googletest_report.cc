#include "command_host/googletest_report.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "command_host/reading.h"

namespace gorgon::command_host {

namespace {

using State = GoogleTestCase::State;

State state_of(const std::string& status, const std::string& result, bool has_failures) {
  if (status.empty()) return State::kListed;
  if (status != "RUN") return State::kDisabled;
  if (has_failures) return State::kFailed;
  return result == "SKIPPED" ? State::kSkipped : State::kPassed;
}

GoogleTestCase read_case(ObjectReader& in, const std::string& suite, const ReadUnit& unit) {
  GoogleTestCase read{.suite = suite, .name = in.text("name"), .location = {}};
  const std::string file = in.text_or("file", "");
  const std::int64_t line = in.integer_or("line", 0);
  if (!file.empty() && line > 0)
    read.location = relative_paths(file, unit) + ":" + std::to_string(line);
  const double seconds = std::strtod(in.text_or("time", "0s").c_str(), nullptr);
  if (seconds >= 0 && seconds <= kMaxSeconds) read.seconds = seconds;
  in.objects("failures", [&](ObjectReader& failure) {
    read.failures.push_back(relative_paths(failure.text("failure"), unit));
  });
  read.state = state_of(in.text_or("status", ""), in.text_or("result", ""), !read.failures.empty());
  return read;
}

}  // namespace

Result<GoogleTestReport> read_googletest_report(std::string_view text, const ReadUnit& unit) {
  GORGON_TRY_ASSIGN(const Json json, parse_json(text));
  ObjectReader in(json, "results");
  GoogleTestReport report;
  if (!json.is_object() || !json.contains("testsuites"))
    return fail(ErrorKind::kProtocol, "the results are not GoogleTest's: no \"testsuites\"");
  in.objects("testsuites", [&](ObjectReader& suite) {
    const std::string name = suite.text("name");
    suite.objects("testsuite", [&](ObjectReader& one) {
      GoogleTestCase read = read_case(one, name, unit);
      if (!read.name.empty()) {
        report.cases.push_back(std::move(read));
      } else {
        std::ranges::transform(read.failures, std::back_inserter(report.failures), outside);
      }
    });
  });
  GORGON_TRY(in.status());
  return report;
}

}  // namespace gorgon::command_host
