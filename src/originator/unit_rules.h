// What "groups" and "overrides" of the configuration say of a test file.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/groups.h"
#include "config/project_config.h"
#include "plan/file_patterns.h"

namespace gorgon::originator {

struct UnitRules {
  std::string group;  ///< Empty: in none.
  config::Group limits;
  std::optional<std::chrono::duration<double>> timeout;
  std::optional<std::chrono::duration<double>> case_timeout;
};

class RuleBook {
 public:
  RuleBook() = default;
  /// kUsage: a glob that nothing can match.
  [[nodiscard]] static Result<RuleBook> make(const config::ProjectConfig& config);
  [[nodiscard]] UnitRules rules_for(const std::string& file) const;

 private:
  struct Entry {
    plan::FilePatterns files;
    config::Override says;
  };
  std::vector<Entry> entries_;
  config::Groups groups_;
};

}  // namespace gorgon::originator
