#include "command_host/case_selection.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

constexpr std::string_view kPlaceMark = "::";

results::Failure unselectable(std::string message) {
  return {.stage = "selection", .exception_class = "", .message = std::move(message)};
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

bool is_chain(const std::string& word) { return word == "and" || word == "or" || word == "not"; }

/// docs/runner_protocol.md. How deep it nests was limited when it was read.
bool is_expression(const Json& term) {
  if (!term.is_array() || term.empty() || !term[0].is_string()) return false;
  const auto& word = term[0].get_ref<const std::string&>();
  if (is_chain(word)) {
    const bool has_its_terms = word != "not" || term.size() == 2;
    return has_its_terms && std::all_of(term.begin() + 1, term.end(), is_expression);
  }
  if (term.size() != 2) return false;
  if (word == "ids") {
    return term[1].is_array() &&
           std::ranges::all_of(term[1], [](const Json& id) { return id.is_string(); });
  }
  return term[1].is_string() &&
         (word == "name" || word == "name_is" || word == "word" || word == "tag");
}

/// `term` is an expression.
bool holds(const Json& term, const std::string& name) {
  const auto& word = term[0].get_ref<const std::string&>();
  const auto inner = [&](const Json& one) { return holds(one, name); };
  if (word == "and") return std::all_of(term.begin() + 1, term.end(), inner);
  if (word == "or") return std::any_of(term.begin() + 1, term.end(), inner);
  if (word == "not") return !holds(term[1], name);
  if (word == "ids") return std::ranges::find(term[1], Json(name)) != term[1].end();
  if (word == "tag") return false;
  const auto& text = term[1].get_ref<const std::string&>();
  if (word == "name_is") return name == text;
  return word == "name" ? name.contains(text) : lower(name).contains(text);
}

}  // namespace

struct CaseSelection::Expression {
  Json term;
};

CaseSelection::CaseSelection(const results::Unit& unit)
    : unit_(unit),
      only_(unit.only.begin(), unit.only.end()),
      except_(unit.except.begin(), unit.except.end()) {
  for (const std::string& place : unit.filter.places) {
    if (place.starts_with(kPlaceMark)) continue;
    problems_.push_back(unselectable(unit.file + place +
                                     ": a test program has no lines; select by name: " + unit.file +
                                     "::Suite.Test, or with -e"));
  }
  if (!unit.filter.tags.empty())
    problems_.push_back(unselectable("-t: GoogleTest has no tags; select by name, with -e"));
  if (unit.filter.expression.empty()) return;
  auto term = parse_json(unit.filter.expression);
  if (!term || !is_expression(*term)) {
    problems_.push_back(unselectable("this runner does not understand " + unit.filter.expression +
                                     "; is it older than your gorgon?"));
    return;
  }
  expression_ = std::make_unique<Expression>(*std::move(term));
}

CaseSelection::~CaseSelection() = default;

bool CaseSelection::takes(const std::string& id) {
  const bool is_there = is_at_a_place(id);
  if (!problems_.empty() || !is_there) return false;
  if ((!only_.empty() && !only_.contains(id)) || except_.contains(id)) return false;
  const auto& names = unit_.filter.names;
  const bool has_name = names.empty() || std::ranges::any_of(names, [&](const std::string& part) {
                          return id.contains(part);
                        });
  return has_name && (!expression_ || holds(expression_->term, id));
}

bool CaseSelection::is_at_a_place(std::string_view id) {
  bool is_there = unit_.filter.places.empty();
  for (const std::string& place : unit_.filter.places) {
    if (!place.starts_with(kPlaceMark)) continue;
    if (!matches_wildcards(std::string_view(place).substr(kPlaceMark.size()), id)) continue;
    found_places_.insert(place);
    is_there = true;
  }
  return is_there;
}

std::vector<results::Failure> CaseSelection::empty_places() const {
  std::vector<results::Failure> failures;
  for (const std::string& place : unit_.filter.places) {
    if (found_places_.contains(place)) continue;
    failures.push_back(unselectable(unit_.file + place + ": there is no such test"));
  }
  return failures;
}

bool matches_wildcards(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t in_text = 0;
  std::size_t star = std::string_view::npos;  // The last one, and how far it reaches by now.
  std::size_t reach = 0;
  while (in_text < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      reach = in_text;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[in_text])) {
      ++at;
      ++in_text;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in_text = ++reach;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace gorgon::command_host
