#include <cstdio>
#include <string>

#include "base/result.h"
#include "cli/commands.h"
#include "report/display_text.h"
#include "results/exit_code.h"

namespace gorgon::cli {

namespace {

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return results::kUsageError;
    case ErrorKind::kSync:
      return results::kPushFailed;
    case ErrorKind::kCallback:
      return results::kCallbackFailed;
    case ErrorKind::kCancelled:
      return results::kInterrupted;
    case ErrorKind::kUnavailable:
    case ErrorKind::kConnectionLost:
    case ErrorKind::kNotFound:
    case ErrorKind::kUnroutable:
    case ErrorKind::kTimeout:
    case ErrorKind::kRefused:
    case ErrorKind::kProtocol:
    case ErrorKind::kIo:
      return results::kOriginatorError;
  }
  return results::kOriginatorError;
}

}  // namespace

int complain(const Error& error) {
  // What other machines and processes said may be in it.
  std::string text;
  for (const std::string& line : report::safe_lines(error.message)) text += line + "\n";
  std::fprintf(stderr, "gorgon: %s", text.c_str());
  return exit_code_of(error.kind);
}

}  // namespace gorgon::cli
