#include "originator/unit_rules.h"

#include <expected>
#include <string>
#include <utility>

#include "base/result.h"
#include "config/groups.h"
#include "config/project_config.h"
#include "plan/file_patterns.h"

namespace gorgon::originator {

Result<RuleBook> RuleBook::make(const config::ProjectConfig& config) {
  RuleBook book;
  book.groups_ = config.groups;
  for (const config::Override& says : config.overrides) {
    auto files = plan::FilePatterns::parse(says.files);
    if (!files) return std::unexpected(with_context("overrides", std::move(files).error()));
    book.entries_.push_back({.files = *std::move(files), .says = says});
  }
  return book;
}

UnitRules RuleBook::rules_for(const std::string& file) const {
  UnitRules rules;
  for (const Entry& entry : entries_) {
    if (!entry.files.match(file)) continue;
    if (rules.group.empty()) rules.group = entry.says.group;
    if (!rules.timeout) rules.timeout = entry.says.timeout;
    if (!rules.case_timeout) rules.case_timeout = entry.says.case_timeout;
  }
  if (const auto group = groups_.find(rules.group); group != groups_.end())
    rules.limits = group->second;
  return rules;
}

}  // namespace gorgon::originator
