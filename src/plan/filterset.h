// Which cases a run is about, as an expression over files, names, tags and what is recorded of
// them: "file(spec/models) and not (tag(slow) or failed())". docs/selecting.md has the language.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gorgon::plan {

/// The last that is recorded of a file's cases, by their ids.
struct FileRecord {
  std::set<std::string> known;
  std::set<std::string> failed;
  std::set<std::string> flaky;  ///< In any of the runs that are looked at.
  std::map<std::string, double> seconds;
  /// The file last went wrong outside of its cases, or was not finished: all of it has failed.
  bool has_failed_as_a_whole = false;
  /// The same in one of these runs, and not when it was tried again there: all of it is flaky.
  bool is_flaky_as_a_whole = false;
};

class Filterset {
 public:
  /// `-E`: and, or, not and parentheses over file(GLOB|DIR), test(TEXT), test(=NAME), tag(TAG),
  /// failed(), flaky(), slower(DURATION), new(), all(), none(). kUsage, with the place and what was
  /// expected.
  [[nodiscard]] static Result<Filterset> parse(std::string_view text);
  /// `-k`, as pytest has it: and, or, not and parentheses over words, which are parts of a case's
  /// name or of its file's path, in whatever case. kUsage.
  [[nodiscard]] static Result<Filterset> parse_keywords(std::string_view text);
  /// Cases that failed when they last ran: "failed()".
  [[nodiscard]] static Filterset of_failed();
  /// These cases of whichever file.
  [[nodiscard]] static Filterset of_cases(std::set<std::string> ids);

  /// Whether it can be judged only with a FileRecord.
  [[nodiscard]] bool asks_the_record() const;
  /// Whether it looks at tags.
  [[nodiscard]] bool asks_for_tags() const;
  /// Of a file: nullopt when none of its cases can match, "" when all do, else what its runner has
  /// to judge, as CaseFilter::expression.
  [[nodiscard]] std::optional<std::string> applied_to(std::string_view file,
                                                      const FileRecord& record) const;

  /// A term of the expression.
  struct Node {
    enum class Kind {
      kAll,
      kNone,
      kAnd,
      kOr,
      kNot,
      kFile,
      kName,    ///< Part of the name.
      kNameIs,  ///< The name.
      kTag,
      kWord,
      kIds,
      kFailed,
      kFlaky,
      kSlower,
      kNew
    };
    Kind kind = Kind::kAll;
    std::string text = {};
    double seconds = 0;
    std::set<std::string> ids = {};
    std::vector<Node> children = {};
  };

 private:
  explicit Filterset(Node root) : root_(std::move(root)) {}
  friend Filterset all_of(std::vector<Filterset> parts);
  friend Filterset any_of(std::vector<Filterset> parts);
  Node root_;
};

/// Without parts: all cases.
[[nodiscard]] Filterset all_of(std::vector<Filterset> parts);
/// Without parts: none.
[[nodiscard]] Filterset any_of(std::vector<Filterset> parts);

}  // namespace gorgon::plan
