// Events of a made-up run, for the reporters' tests.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "report/reporter.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report::testing {

inline results::TestCase passed_case(const std::string& name, double seconds = 0.01) {
  return {.id = name, .name = name, .location = "spec/a_spec.rb:3", .seconds = seconds};
}

/// Fails with a message of two lines, in a workspace that this machine does not have.
inline results::TestCase failed_case(const std::string& name) {
  results::TestCase test_case = passed_case(name, 0.12);
  test_case.status = results::CaseStatus::kFailed;
  test_case.location = "spec/models/user_spec.rb:12";
  test_case.failure = results::Failure{
      .exception_class = "RSpec::Expectations::ExpectationNotMetError",
      .message = "\nexpected: true\n     got: false\n",
      .backtrace = {
          "/usr/share/rubygems-integration/all/gems/rspec-support-3.12.0/lib/rspec/support.rb:102",
          "/var/lib/gorgon/k2x9/spec/models/user_spec.rb:14:in `block (2 levels) in <main>'",
          "/var/lib/gorgon/k2x9/lib/user.rb:7:in `valid?'",
          "/usr/lib/ruby/3.1.0/timeout.rb:20:in `timeout'"}};
  return test_case;
}

/// Owns the units and results of a run and sends its events to a reporter. Units must all be added
/// before start().
class SyntheticRun {
 public:
  explicit SyntheticRun(Reporter& reporter) : reporter_(reporter) {}

  const results::Unit& add_unit(std::string file) {
    units_.push_back({.id = "u" + std::to_string(units_.size() + 1), .file = std::move(file)});
    return units_.back();
  }
  results::Unit& unit(std::size_t index) { return units_[index]; }

  void start(results::RunStarted event = {.job = "k2x9", .is_local = false}) {
    planned_.assign(units_.begin(), units_.end());
    event.units = planned_;
    reporter_.on(event);
  }
  void host(std::string name, std::size_t workers,
            results::HostChanged::State state = results::HostChanged::State::kReady,
            std::string message = {}) {
    reporter_.on(results::HostChanged{.host = std::move(name),
                                      .state = state,
                                      .workers = workers,
                                      .message = std::move(message)});
  }
  void start_unit(std::size_t index, std::string host, std::string worker) {
    reporter_.on(results::UnitStarted{.unit = units_[index].id,
                                      .file = units_[index].file,
                                      .host = std::move(host),
                                      .worker = std::move(worker)});
  }
  void finish_unit(std::size_t index, results::UnitResult result) {
    result.unit = units_[index].id;
    for (const results::TestCase& test_case : result.cases) {
      reporter_.on(results::CaseFinished{
          .unit = &planned_[index], .result = &result, .test_case = &test_case});
    }
    cases_ += result.cases.size();
    reporter_.on(results::UnitFinished{.unit = &planned_[index], .result = &result});
  }
  void finish(double seconds, int exit_code, std::string reason = {},
              results::Artifacts artifacts = {}) {
    reporter_.on(results::RunFinished{.units = units_.size(),
                                      .cases = cases_,
                                      .seconds = seconds,
                                      .exit_code = exit_code,
                                      .reason = std::move(reason),
                                      .artifacts = std::move(artifacts)});
  }

 private:
  Reporter& reporter_;
  std::deque<results::Unit> units_;  ///< Their addresses stay as units are added.
  std::vector<results::Unit> planned_;
  std::size_t cases_ = 0;
};

/// A result on build1, worker 2.
inline results::UnitResult result_of(results::Verdict verdict, std::vector<results::TestCase> cases,
                                     double seconds = 1.5) {
  return {.verdict = verdict,
          .seconds = seconds,
          .host = "build1",
          .worker = "2",
          .cases = std::move(cases)};
}

/// One unit of every kind there is: the end of a bad day. Sends all events from RunStarted to
/// RunFinished.
void run_everything(SyntheticRun& run);

}  // namespace gorgon::report::testing
