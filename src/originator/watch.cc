// Originator: what it shows to somebody who watches, beside the events of the run. None of it
// changes what becomes of the run.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "originator/limits.h"
#include "originator/originator.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "report/reporter.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::originator {

using results::Notice;
using results::RunningTest;

void Originator::show_tests() {
  if (question_) return;  // The answer that is under way is for this one, too.
  if (!broker_ || !is_published_) {
    return notice(Notice::Level::kInfo, is_published_ || was_published_
                                            ? "nobody can be asked: the broker is away"
                                            : "no tests run yet");
  }
  question_ = Question{.asked_at = Clock::now(), .answers = {}};
  (void)broker_->post({broker::to_topic(protocol::control_topic(cluster())),
                       for_listeners(protocol::ShowTests{.job = job_})});
  inputs_.push(FromBroker{0, fail(ErrorKind::kCancelled, "somebody asks")});
}

void Originator::tell_step(std::string step, Clock::duration took) {
  reporter_.watch(results::StepDone{
      .step = std::move(step), .host = "", .seconds = std::chrono::duration<double>(took).count()});
}

void Originator::tell_steps(const protocol::HostState& message) {
  const auto tell = [&](const char* step, protocol::HostState::Seconds took) {
    if (took)
      reporter_.watch(
          results::StepDone{.step = step, .host = message.host, .seconds = took->count()});
  };
  tell("pull", message.pull);
  tell("callbacks", message.callbacks);
  tell("boot", message.boot);
}

void Originator::handle(protocol::CaseRunning message) {
  if (state_.unit(message.now.unit) == nullptr || state_.outcome(message.now.unit)) return;
  reporter_.watch(std::move(message.now));
}

void Originator::handle(protocol::UnitOutput message) {
  if (state_.unit(message.lines.unit) == nullptr) return;
  reporter_.watch(std::move(message.lines));
}

void Originator::handle(protocol::UnitShown message) {
  const results::Unit* unit = state_.unit(message.test.unit);
  if (!question_ || unit == nullptr) return;
  message.test.file = unit->file;
  const auto same = [&](const RunningTest& one) {
    return one.host == message.test.host && one.worker == message.test.worker;
  };
  std::erase_if(question_->answers, same);
  question_->answers.push_back(std::move(message.test));
}

/// Answers once all whose units still run have, or have had the time for it.
void Originator::answer_question() {
  if (!question_) return;
  results::RunningTests shown;
  for (const auto& running : state_.running_units()) {
    const bool has_answered = std::ranges::any_of(question_->answers, [&](const RunningTest& one) {
      return one.host == running.worker.first && one.worker == running.worker.second;
    });
    if (!has_answered) {
      shown.silent.push_back({.host = running.worker.first,
                              .worker = running.worker.second,
                              .file = running.unit->file});
    }
  }
  const std::chrono::duration<double> waited = Clock::now() - question_->asked_at;
  if (!shown.silent.empty() && waited < kAnswerLimit) return;
  shown.waited_seconds = waited.count();
  shown.tests = std::move(question_->answers);
  std::ranges::stable_sort(shown.tests, std::greater(), &RunningTest::seconds);
  question_.reset();
  reporter_.watch(std::move(shown));
}

}  // namespace gorgon::originator
