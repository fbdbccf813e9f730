// Reads the Test Anything Protocol, versions 12 to 14, line by line as it is written
// (testanything.org). The cases are the test points at the leaves: a point with subtests is a case
// of its own only when it failed and none of them did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

class TapReader {
 public:
  /// `take` gets each case in the order they ran, as soon as its full name, "outer > inner", and
  /// status are sure.
  TapReader(ReadUnit unit, TakeCase take);

  /// Takes a line, without its end. False: it is not part of the results, but what the tests have
  /// printed; comments are.
  bool read(std::string_view line);
  /// After the last line: what is wrong with the results as a whole. Empty: they add up.
  [[nodiscard]] std::vector<results::Failure> finish();

 private:
  struct Plan {
    std::uint64_t count = 0;
    bool is_skip = false;
    std::string reason;
  };
  /// The document, or a subtest that is being read.
  struct Level {
    std::optional<std::string> name;  ///< Nullopt until the point behind the subtest tells it.
    std::optional<Plan> plan;
    std::uint64_t points = 0;
    std::size_t cases = 0;
    bool has_failed = false;
    bool is_out_of_order = false;
    std::vector<results::TestCase> held;  ///< See offer().
  };
  /// A test point; a YAML block may follow.
  struct Point {
    std::size_t depth = 0;
    bool is_ok = false;
    std::string line;
    std::string description;
    std::string directive;  ///< "skip", "todo" or empty.
    std::string reason;
    std::optional<Level> subtest;
    std::vector<std::string> yaml;

    [[nodiscard]] bool is_open_todo() const { return directive == "todo" && !is_ok; }
  };
  struct Announcement {
    std::size_t depth = 0;  ///< Of the subtest.
    std::string name;
  };

  bool read_yaml(std::string_view line);
  bool read_at(std::size_t depth, std::string_view text);
  bool read_comment(std::size_t depth, std::string_view text);
  bool read_plan(std::size_t depth, std::string_view text);
  bool read_point(std::size_t depth, std::string_view text);
  bool open_level(std::size_t depth);
  void end_point();
  void end_subtest(const Point& point);
  void drop_levels_below(std::size_t depth);
  void check(const Level& level, const std::string& whose);
  void offer(std::size_t depth, results::TestCase test_case);
  void hand_out(results::TestCase test_case);
  [[nodiscard]] results::TestCase case_of(const Point& point) const;
  [[nodiscard]] std::string shown_name(const std::string& name) const;

  ReadUnit unit_;
  TakeCase take_;
  CaseIds ids_;
  std::vector<Level> levels_;  ///< The document first, then the open subtests; never empty.
  std::optional<Point> point_;
  std::optional<Announcement> announced_;
  bool is_in_yaml_ = false;
  bool has_bailed_out_ = false;
  std::vector<results::Failure> errors_;
};

}  // namespace gorgon::command_host
