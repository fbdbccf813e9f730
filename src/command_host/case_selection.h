// Which cases of its file a unit wants, for runners that know the names of all cases before they
// run one.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "results/verdict.h"

namespace gorgon::command_host {

class CaseSelection {
 public:
  /// `unit` must outlive it.
  explicit CaseSelection(const results::Unit& unit);
  ~CaseSelection();
  CaseSelection(const CaseSelection&) = delete;
  CaseSelection& operator=(const CaseSelection&) = delete;

  /// What cannot be obeyed: then no case may run.
  [[nodiscard]] const std::vector<results::Failure>& problems() const { return problems_; }
  /// Whether the case of this id, which is its name, too, is to run.
  [[nodiscard]] bool takes(const std::string& id);
  /// Places at which no case was, of all that takes() was asked for.
  [[nodiscard]] std::vector<results::Failure> empty_places() const;

 private:
  struct Expression;
  bool is_at_a_place(std::string_view id);

  const results::Unit& unit_;
  std::set<std::string, std::less<>> only_;
  std::set<std::string, std::less<>> except_;
  std::set<std::string> found_places_;
  std::unique_ptr<Expression> expression_;  ///< Null: none.
  std::vector<results::Failure> problems_;
};

/// As GoogleTest's filters have it: "*" is any text, "?" any character.
[[nodiscard]] bool matches_wildcards(std::string_view pattern, std::string_view text);

}  // namespace gorgon::command_host
