#include "command_host/googletest_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command_host/conversation.h"
#include "command_host/googletest_events.h"
#include "command_host/googletest_report.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

using results::CaseStatus;

/// What is printed between two events beyond that is in the file, and belongs to no case.
constexpr std::size_t kMaxWindowBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kShownNames = 5;
/// Of a case: a loop may fail in each round.
constexpr std::size_t kMaxParts = 100;

struct Label {
  std::string_view text;
  CaseStatus status;
};
constexpr std::array kEndLabels = std::to_array<Label>({
    {"[       OK ] ", CaseStatus::kPassed},
    {"[  FAILED  ] ", CaseStatus::kFailed},
    {"[  SKIPPED ] ", CaseStatus::kSkipped},
});

/// The last place in `text` of a line's end that is `label`, `name`, perhaps ", where" and its
/// parameters, and a time. The summary at the end has lines without a time.
std::size_t find_mark(std::string_view text, std::string_view label, const std::string& name) {
  const std::string mark = std::string(label) + name;
  for (std::size_t at = text.rfind(mark); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : text.rfind(mark, at - 1)) {
    const std::string_view rest = text.substr(at + mark.size());
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const bool is_name = line.starts_with(" (") || line.starts_with(", where ");
    if (is_name && line.size() < rest.size() && line.ends_with(" ms)")) return at;
  }
  return std::string_view::npos;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// What GoogleTest itself prints of a failure or skip: "path:line: Failure", and the message.
void erase_part(std::string& text, const std::string& message) {
  for (const std::string_view label : {": Failure\n", ": Skipped\n"}) {
    const std::string block = std::string(label) + message;
    const std::size_t at = text.find(block);
    if (at == std::string::npos) continue;
    const std::size_t line_end = text.rfind('\n', at);
    const std::size_t begin = line_end == std::string::npos ? 0 : line_end + 1;
    text.erase(begin, at + block.size() - begin);
    return;
  }
}

results::Failure at_exit(std::string message) {
  return {.stage = "exit", .exception_class = "", .message = std::move(message)};
}

std::string first_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShownNames); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShownNames)
    text += " and " + std::to_string(names.size() - kShownNames) + " more";
  return text;
}

}  // namespace

GoogleTestReader::GoogleTestReader(ReadUnit unit, const std::vector<GoogleTestCase>& selected,
                                   GoogleTestSinks sinks)
    : unit_(std::move(unit)), sinks_(std::move(sinks)) {
  for (const GoogleTestCase& one : selected) {
    locations_.emplace(one.full_name(), one.location);
    selected_.push_back(one.full_name());
  }
}

void GoogleTestReader::add_output(std::string_view text, std::int64_t offset) {
  if (window_.empty()) window_from_ = offset;
  window_ += text;
  if (window_.size() > kMaxWindowBytes) {
    const std::size_t excess = window_.size() - kMaxWindowBytes / 2;
    window_.erase(0, excess);
    window_from_ += static_cast<std::int64_t>(excess);
  }
  // A suite may take its time to tear down. One that has not passed is told of when the suite goes
  // on: until then its mark may be one that it has printed itself.
  if (current_ && current_->passed == true &&
      find_mark(window_, kEndLabels.front().text, current_->found.name) != std::string::npos)
    settle(true);
}

void GoogleTestReader::add_event(std::string_view line) {
  GoogleTestEvent event = parse_googletest_event(line);
  has_events_ |= event.kind != GoogleTestEvent::Kind::kOther;
  switch (event.kind) {
    case GoogleTestEvent::Kind::kSuiteStart:
      suite_ = std::move(event.name);
      return;
    case GoogleTestEvent::Kind::kCaseStart:
      return start_case(suite_ + "." + event.name);
    case GoogleTestEvent::Kind::kPart:
      return take_part(std::move(event));
    case GoogleTestEvent::Kind::kCaseEnd:
      if (!current_ || current_->passed) return;
      current_->passed = event.passed;
      current_->found.seconds = event.seconds;
      return;
    case GoogleTestEvent::Kind::kSuiteEnd:
      settle(true);
      end_scope(suite_parts_, event.passed, suite_ + ": ");
      suite_.clear();
      return;
    case GoogleTestEvent::Kind::kRoundEnd:
      settle(true);
      ++rounds_;
      return end_scope(program_parts_, event.passed, "");
    case GoogleTestEvent::Kind::kProgramEnd:
      has_ended_ = true;
      return;
    case GoogleTestEvent::Kind::kOther:
      return;
  }
}

results::TestCase GoogleTestReader::new_case(const std::string& name) {
  const auto known = locations_.find(name);
  const bool has_place = known != locations_.end() && !known->second.empty();
  return {
      .id = ids_.id_for(name), .name = name, .location = has_place ? known->second : unit_.file};
}

void GoogleTestReader::start_case(const std::string& name) {
  settle(true);
  if (current_) {  // A fork of the program that goes on with its tests speaks, too.
    current_->parts.push_back({.message = "GoogleTest has not told how it ended"});
    hand_out(*std::exchange(current_, std::nullopt), CaseStatus::kFailed, std::nullopt);
  }
  current_ = Current{.found = new_case(name)};
  const std::string mark = "[ RUN      ] " + name + "\n";
  const std::size_t at = window_.rfind(mark);
  current_->has_mark = at != std::string::npos;
  const std::size_t begin = current_->has_mark ? at + mark.size() : window_.size();
  window_.erase(0, begin);
  window_from_ += static_cast<std::int64_t>(begin);
  current_->from = window_from_;
  sinks_.on_start(current_->found);
}

bool GoogleTestReader::was_printed(std::string_view label, const std::string& message) const {
  return window_.contains(": " + std::string(label) + "\n" + message);
}

void GoogleTestReader::take_part(GoogleTestEvent event) {
  Part part{.file = relative_paths(std::move(event.file), unit_),
            .line = event.line,
            .message = std::move(event.message)};
  const bool is_success =
      part.message.starts_with("Succeeded") && !was_printed("Failure", part.message);
  if (is_success) return;
  const bool is_of_case = current_ && !current_->passed;
  if (!is_of_case && was_printed("Skipped", part.message)) return;
  std::vector<Part>& parts = is_of_case       ? current_->parts
                             : suite_.empty() ? program_parts_
                                              : suite_parts_;
  if (parts.size() < kMaxParts) parts.push_back(std::move(part));
}

/// Hands out the case that has ended. `may_hold`: there will be a report.
void GoogleTestReader::settle(bool may_hold) {
  if (!current_ || !current_->passed) return;
  Current ended = *std::exchange(current_, std::nullopt);
  const std::string name = ended.found.name;
  // A printer that has not marked the start is not GoogleTest's, and what looks like a mark is the
  // test's own.
  const EndMark mark = ended.has_mark ? last_mark(name) : EndMark{};
  const bool is_found = mark.at != std::string::npos;
  const auto output = output_of(ended, mark);
  if (is_found) {
    window_.erase(0, mark.at);
    window_from_ += static_cast<std::int64_t>(mark.at);
  }
  if (*ended.passed) return hand_out(std::move(ended), CaseStatus::kPassed, output);
  if (is_found && mark.status == CaseStatus::kSkipped)
    return hand_out(std::move(ended), CaseStatus::kSkipped, output);
  if (is_found || !may_hold) return hand_out(std::move(ended), CaseStatus::kFailed, output);
  held_.push_back({.current = std::move(ended), .name = name});
}

GoogleTestReader::EndMark GoogleTestReader::last_mark(const std::string& name) const {
  EndMark last;
  for (const Label& label : kEndLabels) {
    const std::size_t at = find_mark(window_, label.text, name);
    if (at == std::string::npos || (last.at != std::string::npos && at < last.at)) continue;
    last = {.at = at, .status = label.status};
  }
  return last;
}

/// Nullopt when it has printed nothing but its failures, which it tells in another way.
std::optional<OutputRange> GoogleTestReader::output_of(const Current& current,
                                                       const EndMark& mark) const {
  if (!current.has_mark || mark.at == std::string::npos) return std::nullopt;
  const OutputRange range{.from = current.from,
                          .to = window_from_ + static_cast<std::int64_t>(mark.at)};
  if (window_from_ != current.from) return range;  // It was too much to look at.
  std::string rest = window_.substr(0, mark.at);
  for (const Part& part : current.parts) erase_part(rest, part.message);
  if (is_blank(rest)) return std::nullopt;
  return range;
}

std::string GoogleTestReader::place_of(const Part& part) const {
  if (part.file.empty()) return "";
  return part.line > 0 ? part.file + ":" + std::to_string(part.line) : part.file;
}

void GoogleTestReader::hand_out(Current current, CaseStatus status,
                                std::optional<OutputRange> output) {
  results::TestCase& found = current.found;
  found.status = status;
  if (status == CaseStatus::kSkipped) {
    for (const Part& part : current.parts)
      found.pending_message += (found.pending_message.empty() ? "" : "\n") + part.message;
  } else if (status == CaseStatus::kFailed) {
    found.failure = results::Failure{};
    for (const Part& part : current.parts) {
      const std::string place = place_of(part);
      if (!place.empty()) found.failure->backtrace.push_back(place);
      if (!found.failure->message.empty()) found.failure->message += "\n";
      if (current.parts.size() > 1 && !place.empty()) found.failure->message += place + ": ";
      found.failure->message += relative_paths(part.message, unit_);
    }
  }
  has_bad_ |= results::is_bad(status);
  told_[found.name] = status;
  sinks_.on_case(found, output);
}

/// Of a suite, or of a round of all of them. An expectation outside of cases that held is no error.
void GoogleTestReader::end_scope(std::vector<Part>& parts, bool passed, const std::string& where) {
  for (const Part& part : std::exchange(parts, {})) {
    if (passed) continue;
    results::Failure failure = outside(where + relative_paths(part.message, unit_));
    if (const std::string place = place_of(part); !place.empty())
      failure.backtrace.push_back(place);
    errors_.push_back(std::move(failure));
  }
}

void GoogleTestReader::finish_crashed() {
  settle(false);
  for (Held& held : std::exchange(held_, {}))
    hand_out(std::move(held.current), CaseStatus::kFailed, std::nullopt);
}

std::vector<results::Failure> GoogleTestReader::finish(int exit_code,
                                                       const GoogleTestReport* report) {
  settle(report != nullptr);
  const bool is_whole = report != nullptr && (has_ended_ || !has_events_) && !current_;
  if (is_whole) {
    reconcile(*report);
  } else if (has_ended_ && report == nullptr && !errors_.empty()) {
    // GoogleTest 1.12 writes broken JSON when something fails outside of suites.
    finish_crashed();
  } else {
    finish_crashed();
    blame_exit(exit_code);
  }
  return std::move(errors_);
}

/// The program has ended before GoogleTest had, or without a report.
void GoogleTestReader::blame_exit(int exit_code) {
  const std::string how = has_ended_ ? "the program has written no report"
                                     : "the process ended with exit code " +
                                           std::to_string(exit_code) + " before its tests had";
  if (current_) {
    Current running = *std::exchange(current_, std::nullopt);
    running.found.status = CaseStatus::kFailed;
    running.found.failure = at_exit(how);
    has_bad_ = true;
    told_[running.found.name] = CaseStatus::kFailed;
    const OutputRange output{.from = running.from,
                             .to = window_from_ + static_cast<std::int64_t>(window_.size())};
    sinks_.on_case(running.found, running.has_mark ? std::optional(output) : std::nullopt);
  }
  end_scope(suite_parts_, false, suite_ + ": ");
  end_scope(program_parts_, false, "");
  std::vector<std::string> missing;
  std::ranges::copy_if(selected_, std::back_inserter(missing),
                       [&](const std::string& name) { return !told_.contains(name); });
  errors_.push_back(at_exit(missing.empty() ? how : how + "; did not run: " + first_of(missing)));
}

void GoogleTestReader::reconcile(const GoogleTestReport& report) {
  std::map<std::string, CaseStatus> said;
  for (const GoogleTestCase& one : report.cases) {
    if (one.state == GoogleTestCase::State::kSkipped) said[one.full_name()] = CaseStatus::kSkipped;
  }
  for (Held& held : std::exchange(held_, {})) {
    const bool is_skipped = said.contains(held.name);
    hand_out(std::move(held.current), is_skipped ? CaseStatus::kSkipped : CaseStatus::kFailed,
             std::nullopt);
  }
  for (const GoogleTestCase& one : report.cases) take_reported(one);
  if (!has_events_) std::ranges::copy(report.failures, std::back_inserter(errors_));
}

/// A case of the report: as it was told, or one that was not.
void GoogleTestReader::take_reported(const GoogleTestCase& reported) {
  using State = GoogleTestCase::State;
  const std::string name = reported.full_name();
  const bool has_failed = reported.state == State::kFailed;
  if (const auto told = told_.find(name); told != told_.end()) {
    // Only the last of several rounds is in the report.
    if (rounds_ > 1 || has_failed == results::is_bad(told->second)) return;
    errors_.push_back(outside(name + " has " + (has_failed ? "failed" : "not failed") +
                              " by the program's report, and " +
                              std::string(results::name_of(told->second)) + " by its output"));
    return;
  }
  Current late{.found = new_case(name)};
  late.found.seconds = reported.seconds;
  for (const std::string& failure : reported.failures) late.parts.push_back({.message = failure});
  if (reported.state == State::kDisabled) {
    late.parts.push_back({.message = "disabled"});
  } else if (reported.state == State::kPassed && has_events_) {
    // One that had run would have said so.
    late.parts.push_back({.message = "GoogleTest has not run it"});
  }
  const bool has_passed = reported.state == State::kPassed && !has_events_;
  const CaseStatus status = has_failed   ? CaseStatus::kFailed
                            : has_passed ? CaseStatus::kPassed
                                         : CaseStatus::kSkipped;
  hand_out(std::move(late), status, std::nullopt);
}

}  // namespace gorgon::command_host
