#include "worker/untold.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/codec.h"
#include "protocol/messages.h"
#include "worker/result_messages.h"

namespace gorgon::worker {

namespace {

double seconds_between(Untold::TimePoint from, Untold::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void Untold::start(protocol::UnitStarted started, TimePoint now) {
  units_.push_back(
      {.start = std::move(started), .started_at = now, .finish = std::nullopt, .finished_at = {}});
}

void Untold::finish(protocol::UnitFinished finished, TimePoint now) {
  bytes_ += size_estimate(finished.result);
  units_.back().finish = std::move(finished);
  units_.back().finished_at = now;
}

std::string Untold::tell(TimePoint now) {
  std::string body;
  for (Unit& unit : units_) {
    if (unit.start) {
      unit.start->ago = seconds_between(unit.started_at, now);
      protocol::add_line(body, *unit.start);
      unit.start.reset();
    }
    if (!unit.finish) continue;
    unit.finish->ago = seconds_between(unit.finished_at, now);
    protocol::add_line(body, *unit.finish);
  }
  return body;
}

std::vector<Untold::Ended> Untold::take_results() {
  std::vector<Ended> results;
  for (Unit& unit : std::exchange(units_, {})) {
    if (unit.finish) results.push_back({*std::move(unit.finish), unit.finished_at});
  }
  bytes_ = 0;
  return results;
}

}  // namespace gorgon::worker
