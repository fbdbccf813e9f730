#include "web/record_feed.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "config/own_folder.h"
#include "history/past.h"
#include "history/store.h"
#include "originator/journal.h"
#include "report/past.h"
#include "web/run_view.h"

namespace gorgon::web {

namespace {

/// As many as are kept with the usual configuration.
constexpr std::size_t kMostRuns = 200;
/// In the history of a case, as in the HTML report.
constexpr std::size_t kPastRuns = 20;

std::filesystem::path file_of(const std::filesystem::path& project) {
  return project / config::kOwnFolder / "history.db";
}

/// 0: there is none.
std::uint64_t inode_of(const std::filesystem::path& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string_view state_of(const history::RunSummary& run, const std::filesystem::path& project) {
  if (run.seconds) return "over";
  return originator::is_running(project, run.job) ? "running" : "cut_off";
}

Json json_of(const history::RunSummary& run, std::string_view state) {
  return {{"number", run.number},
          {"job", run.job},
          {"started_at", run.started_at},
          {"arguments", run.arguments},
          {"state", state},
          {"seconds", run.seconds ? Json(*run.seconds) : Json(nullptr)},
          {"exit_code", run.exit_code ? Json(*run.exit_code) : Json(nullptr)},
          {"reason", run.reason},
          {"units", run.units},
          {"cases", run.cases},
          {"failed", run.failures},
          {"flaky", run.flaky}};
}

/// Whether what is known of a run that is over still holds.
bool is_same(const history::RunSummary& known, const history::RunSummary& outline) {
  return known.number == outline.number && known.job == outline.job && known.seconds &&
         known.seconds == outline.seconds;
}

}  // namespace

Result<void> RecordFeed::open() {
  const std::uint64_t inode = inode_of(file_of(project_));
  if (store_ && inode == inode_) return {};
  store_.reset();
  runs_.clear();
  commit_ = -1;
  GORGON_TRY_ASSIGN(history::Store store, history::Store::open(project_, false));
  store_.emplace(std::move(store));
  inode_ = inode;
  return {};
}

bool RecordFeed::refresh() {
  const auto read = this->read();
  const std::string problem = refresh_views();
  if (!read && read.error().kind == ErrorKind::kNotFound) {
    publish("no run is recorded here yet");
  } else if (!read) {
    publish("the record of runs cannot be read: " + read.error().message);
  } else {
    publish(problem);
  }
  return read && *read;
}

Result<bool> RecordFeed::read() {
  GORGON_TRY(open());
  GORGON_TRY_ASSIGN(const std::int64_t commit, store_->version());
  if (commit == commit_) return false;
  GORGON_TRY(read_runs());
  commit_ = commit;
  return true;
}

/// Counting the cases of all runs takes long; those of a run that is over stay what they were.
Result<void> RecordFeed::read_runs() {
  GORGON_TRY_ASSIGN(auto runs, store_->outlines(kMostRuns));
  for (history::RunSummary& run : runs) {
    const auto known = std::ranges::find(runs_, run.number, &history::RunSummary::number);
    if (known != runs_.end() && is_same(*known, run)) {
      run = std::move(*known);
    } else {
      auto found = store_->find(std::to_string(run.number));
      if (found) run = *std::move(found);
    }
  }
  runs_ = std::move(runs);
  return {};
}

/// The last problem with one of them; empty: there is none.
std::string RecordFeed::refresh_views() {
  std::string problem;
  std::erase_if(views_, [](const auto& entry) { return entry.second.expired(); });
  for (const auto& [number, weak] : views_) {
    const auto view = weak.lock();
    if (!store_) {
      view->forget();
    } else if (const auto read =
                   view->refresh(*store_, originator::is_running(project_, view->job()));
               !read) {
      problem = "run " + std::to_string(number) + " cannot be read: " + read.error().message;
    }
  }
  return problem;
}

void RecordFeed::publish(std::string problem) {
  Json runs = Json::array();
  if (store_) {
    for (const history::RunSummary& run : runs_)
      runs.push_back(json_of(run, state_of(run, project_)));
  }
  std::string text = dump_json(runs);
  if (text == runs_json_ && problem == problem_) return;
  runs_json_ = std::move(text);
  problem_ = std::move(problem);
  ++version_;
}

Result<std::shared_ptr<RunView>> RecordFeed::view(const std::string& number) {
  const auto wanted = number_of<std::int64_t>(number);
  if (!wanted) return fail(ErrorKind::kNotFound, "\"" + number + "\" is no number of a run");
  if (const auto known = views_.find(*wanted); known != views_.end()) {
    if (auto view = known->second.lock(); view && view->state() != RunView::State::kGone)
      return view;
  }
  GORGON_TRY(open());
  GORGON_TRY_ASSIGN(auto run, store_->find(number));
  report::Past past;
  // A store of its own: the past is asked in the middle of a run's events.
  if (auto other = history::Store::open(project_, false)) {
    if (auto found = history::past_runs(*std::move(other), run.number, kPastRuns))
      past = *std::move(found);
  }
  const std::string job = run.job;
  auto view = std::make_shared<RunView>(std::move(run), std::move(past));
  GORGON_TRY(view->refresh(*store_, originator::is_running(project_, job)));
  views_[*wanted] = view;
  last_ = view;
  return view;
}

}  // namespace gorgon::web
