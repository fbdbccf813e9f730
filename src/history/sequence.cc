#include "history/sequence.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "history/store.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::history {

namespace {

class Sequences {
 public:
  void take(const results::RunStarted& event) {
    for (const results::Unit& unit : event.units) units_[unit.id] = &unit;
  }
  void take(const results::UnitTried& event) {
    const auto unit = units_.find(event.unit);
    if (unit == units_.end()) return;  // It never came to a verdict.
    of(event.host, event.worker)
        .units.push_back({.unit = *unit->second,
                          .result = {.unit = event.unit,
                                     .verdict = event.verdict,
                                     .attempt = event.attempt,
                                     .host = event.host,
                                     .worker = event.worker,
                                     .runner = event.runner,
                                     .seed = event.seed},
                          .is_last_try = false});
  }
  void take(const results::UnitFinished& event) {
    if (event.result->host.empty()) return;  // Nobody has run it.
    results::UnitResult result = *event.result;
    result.output.clear();
    for (results::TestCase& test_case : result.cases) test_case.output.clear();
    of(result.host, result.worker).units.push_back({.unit = *event.unit, .result = result});
  }
  template <class Other>
  void take(const Other& /*event*/) {}

  [[nodiscard]] std::vector<WorkerSequence> all() {
    std::vector<WorkerSequence> sequences;
    sequences.reserve(workers_.size());
    for (auto& [name, sequence] : workers_) sequences.push_back(std::move(sequence));
    return sequences;
  }

 private:
  WorkerSequence& of(const std::string& host, const std::string& worker) {
    WorkerSequence& sequence = workers_[{host, worker}];
    sequence.host = host;
    sequence.worker = worker;
    return sequence;
  }

  std::map<std::string, const results::Unit*> units_;
  std::map<std::pair<std::string, std::string>, WorkerSequence> workers_;
};

}  // namespace

Result<std::vector<WorkerSequence>> sequences_of(Store& store, std::int64_t run) {
  Sequences sequences;
  GORGON_TRY(store.replay(run, [&](const results::RunEvent& event) {
    std::visit([&](const auto& one) { sequences.take(one); }, event);
  }));
  return sequences.all();
}

}  // namespace gorgon::history
