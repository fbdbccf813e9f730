// What somebody who watches a run has asked for, as lines. Pure.
#pragma once

#include <string>

#include "report/activity.h"
#include "report/look.h"
#include "results/watched.h"

namespace gorgon::report {

/// One block a test: where it is, and the end of what it has written; then who has not answered.
[[nodiscard]] std::string running_tests_text(const results::RunningTests& running,
                                             const Look& look);
/// Each line with "HOST:WORKER " in front of it, whatever `look` says of hosts: programs read it.
[[nodiscard]] std::string output_text(const results::OutputLines& output, const Look& look);
/// One line a machine, and one for each of its workers that runs something.
[[nodiscard]] std::string workers_text(const Activity& activity, const Look& look, TimePoint now);
[[nodiscard]] std::string keys_text();

}  // namespace gorgon::report
