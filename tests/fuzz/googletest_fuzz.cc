// What a GoogleTest program tells: events, as they begin with "event=", between lines of output,
// and after a line "---" its report.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "command_host/googletest_reader.h"
#include "command_host/googletest_report.h"
#include "fuzz.h"
#include "results/verdict.h"

namespace {

using namespace gorgon;

class Demands {
 public:
  [[nodiscard]] command_host::GoogleTestSinks sinks() {
    return {.on_start =
                [this](const results::TestCase& one) {
                  fuzz::demand(started_.insert(one.id).second, "a case starts once");
                },
            .on_case =
                [this](const results::TestCase& one,
                       const std::optional<command_host::OutputRange>& output) {
                  fuzz::demand(ended_.insert(one.id).second, "no two cases have one id");
                  fuzz::demand(!one.name.empty() && !one.location.empty(), "it has name and place");
                  fuzz::demand(results::is_bad(one.status) == one.failure.has_value(),
                               "a case that failed says why");
                  fuzz::demand(one.seconds >= 0 && one.seconds <= 1e9, "a time can be added up");
                  fuzz::demand(!output || (output->from >= 0 && output->from <= output->to),
                               "a range is one");
                }};
  }
  void check_all_ended() const {
    for (const std::string& id : started_) fuzz::demand(ended_.contains(id), "what began ends");
  }

 private:
  std::set<std::string> started_;
  std::set<std::string> ended_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const command_host::ReadUnit unit{.file = "build/a_test", .workspace = "/w"};
  constexpr std::string_view kMark = "---\n";
  const std::size_t mark = text.find(kMark);
  std::optional<command_host::GoogleTestReport> report;
  if (mark != std::string_view::npos) {
    auto read = command_host::read_googletest_report(text.substr(mark + kMark.size()), unit);
    if (read) {
      report = *std::move(read);
    } else {
      fuzz::demand_readable(read.error());
    }
  }
  Demands demands;
  command_host::GoogleTestReader reader(
      unit, report ? report->cases : std::vector<command_host::GoogleTestCase>(), demands.sinks());
  std::int64_t offset = 0;
  bool has_end = false;
  std::string_view rest = text.substr(0, mark);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    has_end |= line.starts_with("event=TestProgramEnd");
    if (line.starts_with("event=")) {
      reader.add_event(line);
    } else {
      const std::string printed = std::string(line) + "\n";
      reader.add_output(printed, offset);
      offset += static_cast<std::int64_t>(printed.size());
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  const auto errors = reader.finish(0, report ? &*report : nullptr);
  for (const results::Failure& error : errors)
    fuzz::demand(!error.message.empty(), "an error has words");
  if (!report) fuzz::demand(!errors.empty(), "without a report it cannot pass");
  if (!has_end && report) return 0;
  demands.check_all_ended();
  return 0;
}
