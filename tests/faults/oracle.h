// What must hold after every run, whatever has happened in it.
#pragma once

#include "harness.h"
#include "lab.h"

namespace gorgon::test {

/// Fails the test unless each unit has one verdict and that of the sample's table, the exit code
/// fits, and failed_files and runtime_file name nothing twice and nothing wrong.
void expect_right_verdicts(const Sample& sample, const FinishedRun& run);

/// Fails the test when, while the listeners go on, a process, queue, binding, workspace, stage,
/// mount or cgroup of a job is left.
void expect_no_traces(Cluster& cluster);

}  // namespace gorgon::test
