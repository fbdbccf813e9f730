// The exit codes of gorgon. docs/configuration.md has the table for users.
#pragma once

namespace gorgon::results {

enum ExitCode : int {
  kAllPassed = 0,
  kTestsFailed = 1,
  kPushFailed = 2,       ///< The tree could not be pushed.
  kOriginatorError = 3,  ///< Also: broker unreachable, nothing matches `files`.
  kNothingSelected = 4,  ///< No file, or no case in any of them.
  kFailuresLeft = 5,     ///< Of a rerun: all of it passed, and others have not passed yet.
  kIncomplete = 6,       ///< Units without a verdict, or no listener in time.
  kRunTimeLimit = 7,
  kCallbackFailed = 8,  ///< On every usable machine.
  kRefusedByListeners = 9,
  kUsageError = 64,    ///< Command line or configuration.
  kInterrupted = 130,  ///< SIGINT; 143 for SIGTERM: 128 + signal.
};

}  // namespace gorgon::results
