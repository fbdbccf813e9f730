#include "report/timings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "report/display_text.h"
#include "report/look.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::report {

namespace {

using results::HostChanged;

/// Of many machines, those with the longest steps.
constexpr std::size_t kMostSteps = 12;

std::string row(std::string_view name, double seconds, double whole, std::string_view meaning) {
  const double share = whole > 0 ? 100 * seconds / whole : 0;
  return fmt::format("    {:<16} {:>9.3f} s {:>4.0f} %{}{}\n", name, seconds, share,
                     meaning.empty() ? "" : "  ", meaning);
}

}  // namespace

void Timings::on(const results::RunEvent& event) {
  if (const auto* host = std::get_if<HostChanged>(&event)) {
    change_host(*host);
  } else if (const auto* started = std::get_if<results::UnitStarted>(&event)) {
    start_unit(*started);
  } else if (const auto* tried = std::get_if<results::UnitTried>(&event)) {
    end_unit(tried->host, tried->worker, tried->at, 0);
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    end_unit(unit->result->host, unit->result->worker, unit->at, unit->result->seconds);
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    finished_ = finished->seconds;
  }
}

void Timings::watch(const results::Watched& news) {
  if (const auto* step = std::get_if<results::StepDone>(&news)) steps_.push_back(*step);
}

void Timings::change_host(const HostChanged& event) {
  if (event.state == HostChanged::State::kFailed || event.state == HostChanged::State::kLeft)
    return;
  if (!first_answer_) first_answer_ = event.at;
  if (event.state == HostChanged::State::kReady && !first_ready_) first_ready_ = event.at;
}

void Timings::start_unit(const results::UnitStarted& event) {
  if (!first_start_) first_start_ = event.at;
  last_start_ = event.at;
  workers_.try_emplace({event.host, event.worker}, Worker{.first_start = event.at});
}

void Timings::end_unit(const std::string& host, const std::string& worker, results::RunClock at,
                       double ran) {
  const auto known = workers_.find({host, worker});
  if (known == workers_.end()) return;  // Nobody has run it.
  known->second.last_end = last_end_.emplace(at);
  known->second.ran += ran;
}

/// What the run as a whole waited for. Each begins where the one before has ended; what never came
/// was waited for until the end.
std::vector<Timings::Row> Timings::phases(double all_seconds) const {
  std::vector<Row> rows = {{"plan", "find and order the test files", planned_}};
  double from = 0;
  const auto until = [&](std::string_view name, const Moment& mark, std::string_view meaning) {
    const double to = std::clamp(mark.value_or(finished_), from, std::max(from, finished_));
    rows.push_back({std::string(name), std::string(meaning), to - from});
    from = to;
  };
  until("send", first_answer_, "until the first machine answered");
  until("prepare", first_ready_, "until one was ready: its tree, callbacks, preloading");
  until("start workers", first_start_, "until the first file started");
  until("run", last_start_, "until the last file was handed out");
  until("tail", last_end_, "until the last file ended");
  until("close", finished_, "goodbyes, callbacks, the record");
  rows.push_back({"report", "what was written then", all_seconds - planned_ - finished_});
  return rows;
}

/// The time of all workers together, from the start of the run to its end.
std::vector<Timings::Row> Timings::slot_time() const {
  double before = 0;
  double ran = 0;
  double between = 0;
  double after = 0;
  for (const auto& [name, worker] : workers_) {
    const double last_end = std::max(worker.last_end, worker.first_start);
    const double busy = std::min(worker.ran, last_end - worker.first_start);
    before += worker.first_start;
    ran += busy;
    between += last_end - worker.first_start - busy;
    after += std::max(0.0, finished_ - last_end);
  }
  return {{"before", "until its first file started", before},
          {"files", "ran", ran},
          {"between files", "results on their way, waits for the next file", between},
          {"idle", "from its last file to the end of the run", after}};
}

std::string Timings::text(double all_seconds) const {
  std::string text = fmt::format("\n  where {} went\n", seconds_text(all_seconds));
  for (const Row& phase : phases(all_seconds))
    text += row(phase.name, phase.seconds, all_seconds, phase.meaning);
  if (!workers_.empty()) {
    const double whole = finished_ * static_cast<double>(workers_.size());
    text += workers_.size() == 1 ? "  of the worker's time\n"
                                 : fmt::format("  of the time of {} workers\n", workers_.size());
    for (const Row& part : slot_time()) text += row(part.name, part.seconds, whole, part.meaning);
  }
  if (steps_.empty()) return text;
  text += "  single steps, some of them side by side\n";
  std::vector<results::StepDone> longest = steps_;
  const auto here =
      std::ranges::stable_partition(longest, [](const auto& step) { return step.host.empty(); });
  std::ranges::stable_sort(here, std::greater(), &results::StepDone::seconds);
  const auto most = std::min(longest.size(), kMostSteps);
  for (std::size_t i = 0; i < most; ++i)
    text += row(longest[i].step, longest[i].seconds, all_seconds, safe_line(longest[i].host));
  if (longest.size() > most)
    text += fmt::format("    and {} shorter ones\n", longest.size() - most);
  return text;
}

}  // namespace gorgon::report
