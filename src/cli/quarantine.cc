#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/secrets.h"
#include "config/quarantine_file.h"
#include "history/standing.h"
#include "history/store.h"
#include "report/display_text.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

namespace fs = std::filesystem;

/// "for 12 days", "today", "expired 3 days ago".
std::string time_left(const config::QuarantineEntry& entry, std::chrono::year_month_day today) {
  const auto days = (std::chrono::sys_days(entry.expires) - std::chrono::sys_days(today)).count();
  if (days < 0)
    return fmt::format("expired {} ago", count_of(static_cast<std::size_t>(-days), "day"));
  if (days == 0) return "today for the last time";
  return fmt::format("for {}", count_of(static_cast<std::size_t>(days), "day"));
}

/// Tests of ctest are no files, and programs may not be built here.
bool may_be_gone(const std::string& runner) { return runner != "ctest" && runner != "googletest"; }

bool is_gone(const config::QuarantineEntry& entry, const fs::path& project) {
  std::error_code ignored;
  return !fs::exists(project / entry.file, ignored);
}

/// Whether its file has such a case, as far as runs are recorded. Empty: it has, or nobody knows.
Result<std::string> complaint_about_case(const config::QuarantineEntry& entry,
                                         std::optional<history::Store>& store) {
  if (entry.test_case.empty() || !store) return "";
  GORGON_TRY_ASSIGN(const auto known, history::known_cases(*store, entry.file));
  if (!known || known->names.contains(entry.test_case)) return "";
  return fmt::format(
      "run {}, the last of the whole file, had no such case: take the entry out, or give the "
      "case's name or id of today",
      known->run);
}

/// Empty: nothing is wrong with it.
Result<std::string> complaint_about(const config::QuarantineEntry& entry, const fs::path& project,
                                    const std::string& runner, std::chrono::year_month_day today,
                                    std::optional<history::Store>& store) {
  if (config::is_expired(entry, today)) {
    return fmt::format("expired on {}: mend the test, or let {} say for how much longer",
                       config::text_of(entry.expires), entry.owner);
  }
  if (may_be_gone(runner) && is_gone(entry, project))
    return "there is no such file: take the entry out";
  return complaint_about_case(entry, store);
}

/// Nullopt: nothing is recorded.
Result<std::optional<history::Store>> record_of(const fs::path& project) {
  auto store = history::Store::open(project, false);
  if (store) return *std::move(store);
  if (store.error().kind == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(store).error());
}

void show(const config::QuarantineEntry& entry, std::chrono::year_month_day today) {
  std::printf("%s\n    %s, %s; until %s, %s\n", report::safe_line(title_of(entry)).c_str(),
              report::safe_line(entry.reason).c_str(), report::safe_line(entry.owner).c_str(),
              config::text_of(entry.expires).c_str(), time_left(entry, today).c_str());
}

}  // namespace

int quarantine(const QuarantineCommand& command) {
  const fs::path project = fs::absolute(command.config_file).parent_path().lexically_normal();
  const auto config = load_project(command.config_file, command.config_is_required);
  if (!config) return complain(config.error());
  const auto entries = config::load_quarantine(project);
  if (!entries) return complain(entries.error());
  auto store = record_of(project);
  if (!store) return complain(store.error());
  const auto today = config::local_date();
  std::size_t complaints = 0;
  for (const config::QuarantineEntry& entry : *entries) {
    if (command.action == QuarantineCommand::Action::kList) {
      show(entry, today);
      continue;
    }
    const auto complaint = complaint_about(entry, project, config->runner, today, *store);
    if (!complaint) return complain(complaint.error());
    if (complaint->empty()) continue;
    ++complaints;
    std::printf("%s:%zu: %s: %s\n", std::string(config::kQuarantineFile).c_str(), entry.line,
                report::safe_line(title_of(entry)).c_str(), report::safe_line(*complaint).c_str());
  }
  if (entries->empty()) std::puts("nothing is in quarantine");
  if (command.action == QuarantineCommand::Action::kList || entries->empty()) return 0;
  std::printf("%s in quarantine, %zu to look at\n", count_of(entries->size(), "test").c_str(),
              complaints);
  return complaints == 0 ? static_cast<int>(results::kAllPassed)
                         : static_cast<int>(results::kTestsFailed);
}

}  // namespace gorgon::cli
