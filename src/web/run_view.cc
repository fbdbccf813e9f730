#include "web/run_view.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <variant>

#include "base/result.h"
#include "history/store.h"
#include "report/html_records.h"
#include "report/past.h"
#include "report/summary.h"
#include "results/exit_code.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::web {

namespace {

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

RunView::RunView(history::RunSummary run, report::Past past)
    : run_(std::move(run)), past_(std::move(past)), summary_(report::Summary::Details::kCut) {
  begin_anew();
}

void RunView::begin_anew() {
  static std::uint64_t generations = 0;
  generation_ = ++generations;
  head_ = {
      .job = run_.job, .started_at = run_.started_at, .arguments = run_.arguments, .finished = {}};
  summary_ = report::Summary(report::Summary::Details::kCut);
  budget_ = {};
  units_.clear();
  records_.clear();
}

Result<void> RunView::refresh(history::Store& store, bool is_running) {
  if (state_ == State::kOver || state_ == State::kGone) return {};
  const std::size_t known = records_.size();
  const State before = state_;
  auto followed = store.follow(run_.number, bookmark_, [this](const auto& event) { add(event); });
  if (followed && *followed == history::Followed::kAnew) {
    begin_anew();
    followed = store.follow(run_.number, bookmark_, [this](const auto& event) { add(event); });
  }
  if (!followed && followed.error().kind != ErrorKind::kNotFound)
    return std::unexpected(followed.error());
  if (!followed) {
    state_ = State::kGone;
  } else if (*followed == history::Followed::kOver) {
    state_ = State::kOver;
  } else {
    state_ = is_running ? State::kGoesOn : State::kCutOff;
  }
  if (state_ != before || records_.size() != known) ++version_;
  return {};
}

void RunView::forget() {
  if (state_ == State::kOver || state_ == State::kGone) return;
  state_ = State::kGone;
  ++version_;
}

void RunView::add(const results::RunEvent& event) {
  if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    units_.push_back(*unit->unit);
    results::UnitFinished kept = *unit;
    kept.unit = &units_.back();
    summary_.add(kept);
    head_.flaky_cases +=
        static_cast<std::size_t>(std::ranges::count_if(unit->result->cases, results::is_flaky));
  } else {
    summary_.add(event);
  }
  if (const auto* finished = std::get_if<results::RunFinished>(&event)) head_.finished = *finished;
  std::string record = record_json(event, past_, budget_);
  if (!record.empty()) records_.push_back(std::move(record));
}

std::string RunView::head() const {
  report::RunHead head = head_;
  head.goes_on = state_ == State::kGoesOn;
  if (head.goes_on) {
    head.finished.seconds = std::max(bookmark_.last_at, unix_now() - head.started_at);
  } else if (state_ != State::kOver) {
    head.finished.seconds = bookmark_.last_at;
    head.finished.exit_code = results::kIncomplete;
    head.finished.reason =
        state_ == State::kGone
            ? "the run is recorded no more: `gorgon runs prune`, or a newer run, "
              "has removed it while this page showed it"
            : "the gorgon that ran it has died: `gorgon resume` takes it up";
  }
  return head_json(head, summary_, past_.runs);
}

}  // namespace gorgon::web
