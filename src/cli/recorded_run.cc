#include "cli/recorded_run.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "cli/places.h"
#include "cli/run.h"
#include "history/sequence.h"
#include "history/store.h"

namespace gorgon::cli {

namespace {

/// What it means for how a unit runs, without what it says of which units there are.
StartCommand without_selection(const StartCommand& given) {
  StartCommand plain;
  plain.framework_arguments = given.framework_arguments;
  plain.cluster = given.cluster;
  plain.start_timeout = given.start_timeout;
  plain.unit_timeout = given.unit_timeout;
  plain.case_timeout = given.case_timeout;
  plain.config_file = given.config_file;
  plain.config_is_required = given.config_is_required;
  plain.retries = 0;
  plain.order = given.order;
  return plain;
}

}  // namespace

Result<RecordedRun> recorded_run(const fs::path& config_file, bool config_is_required,
                                 std::string_view name, const ParseStart& parse) {
  GORGON_TRY_ASSIGN(const fs::path project, project_folder(config_file, config_is_required));
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(project, false));
  RecordedRun recorded;
  GORGON_TRY_ASSIGN(recorded.run, store.find(name));
  const auto given = parse(recorded.run.arguments);
  if (!given) {
    return fail(ErrorKind::kUsage, "the options of the run are those of another version of gorgon");
  }
  recorded.start = *given;
  // The project is the folder of its configuration, from wherever that was named.
  recorded.start.config_file = config_file;
  if (given->config_is_required && !config_is_required)
    recorded.start.config_file = project / given->config_file.filename();
  // As settle() has it. The seeds themselves are recorded with the units.
  if (given->seed && given->order.empty() && !given->in_order) recorded.start.order = "random";
  recorded.start.config_is_required = config_is_required || given->config_is_required;
  GORGON_TRY_ASSIGN(recorded.options, settle(without_selection(recorded.start), true));
  recorded.options.is_experiment = true;
  recorded.options.quarantine = {};
  recorded.options.notices.clear();
  GORGON_TRY_ASSIGN(recorded.sequences, history::sequences_of(store, recorded.run.number));
  return recorded;
}

bool is_there(const RecordedRun& recorded, const std::string& file) {
  std::error_code ignored;
  return fs::exists(recorded.options.project / file, ignored);
}

std::size_t changed_since(const RecordedRun& recorded, const std::vector<std::string>& files) {
  return static_cast<std::size_t>(std::ranges::count_if(files, [&](const std::string& file) {
    struct stat status{};
    return ::stat((recorded.options.project / file).c_str(), &status) == 0 &&
           static_cast<double>(status.st_mtim.tv_sec) > recorded.run.started_at;
  }));
}

}  // namespace gorgon::cli
