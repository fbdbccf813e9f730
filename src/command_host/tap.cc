// The grammar, after indentation by four blanks for each level of subtests:
//
//   version  = "TAP version " number            pragma = "pragma " text
//   plan     = "1.." number [" # SKIP " reason]
//   point    = ["not "] "ok" [" " number] [" - "] description [" # " directive]
//   yaml     = two blanks "---", lines, two blanks "..."     behind a point
//   bail out = "Bail out!" [reason]
//   subtest  = ["# Subtest: " name], lines of a document four blanks further in, point
#include "command_host/tap.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "command_host/diagnostics.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

constexpr std::size_t kIndent = 4;
constexpr std::string_view kSubtest = "# Subtest: ";
constexpr std::string_view kBailOut = "Bail out!";
constexpr std::size_t kMaxDepth = 64;
/// Of one block: more is of no use to a reader.
constexpr std::size_t kMaxYamlLines = 2000;

void trim(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
}

std::string trimmed(std::string_view text) {
  trim(text);
  return std::string(text);
}

/// "\#" and "\\" as what they stand for.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '#' || text[i + 1] == '\\');
    if (is_escape) ++i;
    result += text[i];
  }
  return result;
}

struct Directive {
  std::string word;  ///< "skip", "todo" or empty.
  std::string reason;
};

/// `text` behind a "#": "SKIP reason", also "skipped: reason" as older producers write.
Directive parse_directive(std::string_view text) {
  trim(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::string reason = trimmed(text.substr(word.size()));
  if (lower.starts_with("skip")) return {"skip", reason};
  if (lower == "todo" || lower == "todo:") return {"todo", reason};
  return {};
}

/// Takes the directive off `text`.
Directive take_directive(std::string_view& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      continue;
    }
    const bool is_apart = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
    if (text[i] != '#' || !is_apart) continue;
    Directive directive = parse_directive(text.substr(i + 1));
    if (directive.word.empty()) continue;
    text = text.substr(0, i);
    return directive;
  }
  return {};
}

/// Takes the number at the front of `text`, if there is one that ends there.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of(kDigits));
  const std::string_view rest = text.substr(digits.size());
  if (!rest.empty() && rest.front() != ' ') return std::nullopt;
  const auto number = number_of<std::uint64_t>(digits);
  if (number) text = rest;
  return number;
}

}  // namespace

TapReader::TapReader(ReadUnit unit, TakeCase take)
    : unit_(std::move(unit)), take_(std::move(take)), levels_(1) {
  levels_.front().name = "";
}

bool TapReader::read(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (has_bailed_out_) return false;
  if (is_in_yaml_) return read_yaml(line);
  const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view text = line.substr(blanks);
  if (point_ && blanks == point_->depth * kIndent + 2 && text == "---") {
    is_in_yaml_ = true;
    return true;
  }
  return blanks % kIndent == 0 && read_at(blanks / kIndent, text);
}

bool TapReader::read_yaml(std::string_view line) {
  const std::size_t margin = point_->depth * kIndent + 2;
  const std::size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view text = line.substr(std::min(blanks, margin));
  if (text == "..." && blanks == margin) {
    is_in_yaml_ = false;
  } else if (point_->yaml.size() < kMaxYamlLines) {
    point_->yaml.emplace_back(text);
  }
  return true;
}

bool TapReader::read_at(std::size_t depth, std::string_view text) {
  if (text.starts_with('#')) return read_comment(depth, text);
  if (text.starts_with("TAP version ") || text.starts_with("pragma ")) return true;
  if (text.starts_with(kBailOut) && depth <= levels_.size()) {
    end_point();
    has_bailed_out_ = true;
    const std::string reason = trimmed(text.substr(kBailOut.size()));
    errors_.push_back(outside("the command bailed out" + (reason.empty() ? "" : ": " + reason)));
    return true;
  }
  return read_plan(depth, text) || read_point(depth, text);
}

/// "# Subtest: name" stands before its subtest, at the depth of the point behind that or at the
/// depth of the subtest itself.
bool TapReader::read_comment(std::size_t depth, std::string_view text) {
  if (!text.starts_with(kSubtest) || depth > levels_.size() + 1) return false;
  end_point();
  if (depth >= levels_.size() && announced_ && announced_->depth == levels_.size())
    open_level(levels_.size());
  if (depth > levels_.size()) return false;
  const std::size_t child = depth == levels_.size() ? depth : depth + 1;
  announced_ = Announcement{child, unescaped(trimmed(text.substr(kSubtest.size())))};
  return true;
}

bool TapReader::read_plan(std::size_t depth, std::string_view text) {
  if (!text.starts_with("1..")) return false;
  text.remove_prefix(3);
  const auto count = take_number(text);
  trim(text);
  if (!count || (!text.empty() && text.front() != '#') || !open_level(depth)) return false;
  drop_levels_below(depth);
  const Directive directive = parse_directive(text.empty() ? text : text.substr(1));
  Level& level = levels_[depth];
  if (level.plan) errors_.push_back(outside("there are two plans: 1.." + std::to_string(*count)));
  level.plan = Plan{*count, directive.word == "skip", directive.reason};
  return true;
}

bool TapReader::read_point(std::size_t depth, std::string_view text) {
  Point point{.depth = depth, .line = std::string(text)};
  point.is_ok = !text.starts_with("not ");
  if (!point.is_ok) text.remove_prefix(4);
  if (!text.starts_with("ok")) return false;
  text.remove_prefix(2);
  const bool is_another_word =
      !text.empty() &&
      (std::isalnum(static_cast<unsigned char>(text.front())) != 0 || text.front() == '_');
  if (is_another_word) return false;
  if (!open_level(depth)) return false;
  trim(text);
  const auto number = take_number(text);
  const Directive directive = take_directive(text);
  trim(text);
  if (text.starts_with("- ") || text == "-") text.remove_prefix(1);
  point.description = unescaped(trimmed(text));
  point.directive = directive.word;
  point.reason = directive.reason;
  if (levels_.size() > depth + 1) {
    drop_levels_below(depth + 1);
    point.subtest = std::move(levels_.back());
    levels_.pop_back();
    // Perl's point behind a subtest that was skipped has no name of its own.
    if (point.description.empty()) point.description = point.subtest->name.value_or("");
  }
  Level& level = levels_[depth];
  ++level.points;
  if (number && *number != level.points && !level.is_out_of_order) {
    level.is_out_of_order = true;
    errors_.push_back(outside(fmt::format(
        "test points are not numbered in order: \"{}\" is point {}", point.line, level.points)));
  }
  announced_.reset();
  point_ = std::move(point);
  return true;
}

/// Ends the point before, and begins the subtests down to `depth`. False: nobody nests so deep, so
/// it is not part of the results.
bool TapReader::open_level(std::size_t depth) {
  if (depth > kMaxDepth) return false;
  end_point();
  while (levels_.size() <= depth) {
    Level level;
    if (announced_ && announced_->depth == levels_.size())
      level.name = shown_name(announced_->name);
    levels_.push_back(std::move(level));
    announced_.reset();
  }
  return true;
}

void TapReader::end_point() {
  if (!point_) return;
  const Point point = *std::exchange(point_, std::nullopt);
  if (point.subtest) end_subtest(point);
  const bool has_cases = point.subtest && point.subtest->cases > 0;
  results::TestCase test_case = case_of(point);
  const bool is_bad = results::is_bad(test_case.status);
  Level& level = levels_[point.depth];
  if (has_cases) {
    level.cases += point.subtest->cases;
    level.has_failed |= point.subtest->has_failed && !point.is_open_todo();
    if (!is_bad || point.subtest->has_failed) return;
  }
  // An empty group of Node's tests is no test.
  if (!is_bad && value_of(read_diagnostics(point.yaml), "type") == "suite") return;
  ++level.cases;
  level.has_failed |= is_bad;
  offer(point.depth, std::move(test_case));
}

void TapReader::end_subtest(const Point& point) {
  check(*point.subtest, fmt::format("\"{}\": ", point.description));
  const std::string name = shown_name(point.description);
  for (results::TestCase test_case : point.subtest->held) {
    if (!name.empty()) test_case.name = name + " > " + test_case.name;
    if (point.is_open_todo() && results::is_bad(test_case.status)) {
      test_case.status = results::CaseStatus::kPending;
      test_case.pending_message = point.reason;
      test_case.failure.reset();
    }
    offer(point.depth, std::move(test_case));
  }
}

/// Subtests that no point has ended.
void TapReader::drop_levels_below(std::size_t depth) {
  while (levels_.size() > depth + 1) {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    levels_.back().cases += level.cases;
    levels_.back().has_failed |= level.has_failed;
    errors_.push_back(outside(fmt::format("the subtest \"{}\" was not brought to an end",
                                          level.name.value_or("without a name"))));
    for (results::TestCase& test_case : level.held) {
      if (level.name && !level.name->empty()) test_case.name = *level.name + " > " + test_case.name;
      offer(levels_.size() - 1, std::move(test_case));
    }
  }
}

void TapReader::check(const Level& level, const std::string& whose) {
  if (!level.plan) {
    errors_.push_back(outside(whose + "there is no plan (1..N): the results are not complete"));
  } else if (level.plan->count != level.points) {
    errors_.push_back(outside(fmt::format("{}the plan says {}, {} came", whose,
                                          count_of(level.plan->count, "test"), level.points)));
  }
}

std::vector<results::Failure> TapReader::finish() {
  if (is_in_yaml_) errors_.push_back(outside("the results end within a YAML block"));
  end_point();
  if (has_bailed_out_) {
    auto errors = std::move(errors_);  // Of what follows from that, nothing need be said.
    drop_levels_below(0);
    return errors;
  }
  drop_levels_below(0);
  const Level& document = levels_.front();
  check(document, "");
  if (document.plan && document.plan->is_skip && document.points == 0) {
    hand_out({.name = unit_.file,
              .location = unit_.file,
              .status = results::CaseStatus::kSkipped,
              .pending_message = document.plan->reason});
  }
  return std::move(errors_);
}

/// Hands the case out, or keeps it with the innermost subtest whose point has to tell its name or,
/// for one that failed, whether that was expected. The cases behind it wait, too: ids depend on the
/// order.
void TapReader::offer(std::size_t depth, results::TestCase test_case) {
  for (; depth > 0; --depth) {
    Level& level = levels_[depth];
    if (!level.name || !level.held.empty() || results::is_bad(test_case.status)) {
      level.held.push_back(std::move(test_case));
      return;
    }
    if (!level.name->empty()) test_case.name = *level.name + " > " + test_case.name;
  }
  hand_out(std::move(test_case));
}

void TapReader::hand_out(results::TestCase test_case) {
  test_case.id = ids_.id_for(test_case.name);
  take_(std::move(test_case));
}

results::TestCase TapReader::case_of(const Point& point) const {
  using Status = results::CaseStatus;
  const Diagnostics diagnostics = read_diagnostics(point.yaml);
  results::TestCase test_case{.name = shown_name(point.description),
                              .location = location_of(diagnostics, unit_),
                              .status = point.is_ok ? Status::kPassed : Status::kFailed,
                              .seconds = seconds_of(diagnostics)};
  if (test_case.name.empty()) {
    test_case.name = point.description.empty() ? fmt::format("test {}", levels_[point.depth].points)
                                               : unit_.file;
  }
  if (point.directive == "skip" && point.is_ok) test_case.status = Status::kSkipped;
  if (point.is_open_todo()) test_case.status = Status::kPending;
  if (point.directive == "skip" || test_case.status == Status::kPending)
    test_case.pending_message = point.reason;
  if (test_case.status == Status::kFailed)
    test_case.failure = failure_of(diagnostics, unit_, point.line);
  return test_case;
}

/// Without the name of the unit's file, which Node 18 gives a subtest around all others.
std::string TapReader::shown_name(const std::string& name) const {
  std::string shown = relative_paths(name, unit_);
  if (shown == unit_.file) shown.clear();
  return shown;
}

}  // namespace gorgon::command_host
