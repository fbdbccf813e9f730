// What goes wrong between machines, and to the processes on them, in the middle of a job. The job
// completes, with the verdicts of a run in which nothing goes wrong.
#include <gtest/gtest.h>

#include <string>

#include "harness.h"
#include "lab.h"
#include "lab_fixture.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using NetFaultTest = LabTest;

TEST_F(NetFaultTest, RunWithoutFaultsGivesTheTable) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  expect_complete(start_run(sample), sample);
}

/// The broker gives the units in hand there to others; the host itself finds its way back.
TEST_F(NetFaultTest, ListenerIsCutOffForLongerThanHeartbeatsLast) {
  start_listeners();
  const Sample sample = add_sample(cluster());
  Program& run = start_run(sample);
  net().cut("two");
  EXPECT_TRUE(eventually(60s, [&] { return !run.is_running(); })) << cluster().logs();
  net().heal("two");
  expect_complete(run, sample);
}

}  // namespace
}  // namespace gorgon::test
