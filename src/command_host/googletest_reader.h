// Makes cases of what a GoogleTest program tells in three ways. Its events say which case runs and
// whether it has passed, and no test can print one. Its standard output tells a skip from a
// failure, and which text belongs to which case. Its report, which it writes at its end, must say
// the same as those two; what it alone knows is added from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command_host/conversation.h"
#include "command_host/googletest_events.h"
#include "command_host/googletest_report.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

struct GoogleTestSinks {
  std::function<void(const results::TestCase&)> on_start;
  std::function<void(const results::TestCase&, std::optional<OutputRange>)> on_case;
};

class GoogleTestReader {
 public:
  /// `selected`: what is to run, as the program has listed it.
  GoogleTestReader(ReadUnit unit, const std::vector<GoogleTestCase>& selected,
                   GoogleTestSinks sinks);

  /// What the program has printed, which stands at `offset` of the output file.
  void add_output(std::string_view text, std::int64_t offset);
  /// A line that it has sent. What it had printed by then has been given to add_output() before.
  void add_event(std::string_view line);

  /// After a signal has ended it: hands out what it still holds.
  void finish_crashed();
  /// After its own end, with `exit_code`. `report`: null without one. Gives what was wrong outside
  /// of cases.
  [[nodiscard]] std::vector<results::Failure> finish(int exit_code, const GoogleTestReport* report);

  [[nodiscard]] bool has_bad_cases() const { return has_bad_; }

 private:
  struct Part {
    std::string file;
    std::int64_t line = -1;
    std::string message;
  };
  /// The case that runs, or has ended and was not handed out yet.
  struct Current {
    results::TestCase found;
    std::vector<Part> parts;
    std::int64_t from = 0;       ///< Where its output begins.
    bool has_mark = false;       ///< That is known.
    std::optional<bool> passed;  ///< Nullopt: it runs.
  };
  struct Held {
    Current current;
    std::string name;
  };
  /// What the program printed when a case ended.
  struct EndMark {
    std::size_t at = std::string::npos;  ///< In window_.
    results::CaseStatus status = results::CaseStatus::kFailed;
  };

  void start_case(const std::string& name);
  void take_part(GoogleTestEvent event);
  void settle(bool may_hold);
  [[nodiscard]] EndMark last_mark(const std::string& name) const;
  void hand_out(Current current, results::CaseStatus status, std::optional<OutputRange> output);
  [[nodiscard]] std::optional<OutputRange> output_of(const Current& current,
                                                     const EndMark& mark) const;
  void end_scope(std::vector<Part>& parts, bool passed, const std::string& where);
  void blame_exit(int exit_code);
  void reconcile(const GoogleTestReport& report);
  void take_reported(const GoogleTestCase& reported);
  [[nodiscard]] bool was_printed(std::string_view label, const std::string& message) const;
  [[nodiscard]] std::string place_of(const Part& part) const;
  [[nodiscard]] results::TestCase new_case(const std::string& name);

  ReadUnit unit_;
  GoogleTestSinks sinks_;
  std::map<std::string, std::string> locations_;  ///< By full name.
  std::vector<std::string> selected_;
  CaseIds ids_;
  std::string suite_;
  std::optional<Current> current_;
  std::vector<Held> held_;                           ///< Failed or skipped: the report will say.
  std::vector<Part> suite_parts_;                    ///< Outside of its cases.
  std::vector<Part> program_parts_;                  ///< Outside of suites.
  std::map<std::string, results::CaseStatus> told_;  ///< By full name; of several rounds the last.
  std::string window_;                               ///< What was printed lately,
  std::int64_t window_from_ = 0;                     ///< and where it stands.
  int rounds_ = 0;
  bool has_events_ = false;
  bool has_ended_ = false;
  bool has_bad_ = false;
  std::vector<results::Failure> errors_;
};

}  // namespace gorgon::command_host
