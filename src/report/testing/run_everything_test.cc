#include <utility>

#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report::testing {

using results::CaseStatus;
using results::UnitResult;
using results::Verdict;

namespace {

UnitResult crashed() {
  UnitResult result = result_of(Verdict::kCrashed, {passed_case("Parser reads a number")}, 0.42);
  result.errors.push_back({.stage = "crash", .message = "killed by signal 11 (SIGSEGV)"});
  result.running_case = "Parser reads huge input";
  result.output = "reading…\n[BUG] Segmentation fault at 0x0000000000000000\n";
  return result;
}

UnitResult not_loaded() {
  UnitResult result = result_of(Verdict::kFailed, {}, 0.05);
  result.errors.push_back({.stage = "load",
                           .exception_class = "NameError",
                           .message = "uninitialized constant Invoice",
                           .backtrace = {"spec/load_spec.rb:1:in `<top (required)>'"}});
  return result;
}

UnitResult timed_out() {
  UnitResult result = result_of(Verdict::kTimedOut, {}, 900);
  result.errors.push_back({.stage = "timeout", .message = "killed after 15 min 00 s"});
  result.running_case = "Queue drains";
  return result;
}

UnitResult not_run(Verdict verdict, std::string reason) {
  UnitResult result{.verdict = verdict};
  result.errors.push_back({.message = std::move(reason)});
  return result;
}

}  // namespace

void run_everything(SyntheticRun& run) {
  for (const char* file :
       {"spec/a_spec.rb", "spec/models/user_spec.rb", "spec/crash_spec.rb", "spec/load_spec.rb",
        "spec/hang it_spec.rb", "spec/cut_spec.rb", "spec/nobody_spec.rb"}) {
    (void)run.add_unit(file);
  }
  run.start({.job = "k2x9", .expected_seconds = 185, .is_local = false});
  run.host("build1", 2);
  run.host("build2", 0, results::HostChanged::State::kFailed,
           "before_start failed: exit 1\nno database\n");
  run.start_unit(0, "build1", "1");
  UnitResult good = result_of(Verdict::kPassed, {passed_case("A works"), passed_case("A waits")});
  good.cases[1].status = CaseStatus::kPending;
  run.finish_unit(0, good);
  UnitResult bad = result_of(Verdict::kFailed,
                             {passed_case("User has a name"), failed_case("User is valid")}, 2.31);
  bad.cases[1].output = "\x1b[32mSELECT\x1b[0m 1\nbell\a\n";
  run.finish_unit(1, bad);
  run.finish_unit(2, crashed());
  run.finish_unit(3, not_loaded());
  run.finish_unit(4, timed_out());
  run.finish_unit(5, not_run(Verdict::kCancelled, "interrupted"));
  run.finish_unit(6, not_run(Verdict::kLost, "no listener took it"));
  run.finish(41.2, 6, "1 unit could not be run");
}

}  // namespace gorgon::report::testing
