#include "cli/watching.h"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/asio.h"
#include "base/terminal_keys.h"
#include "originator/originator.h"
#include "report/reporter.h"

namespace gorgon::cli {

namespace {

/// For a terminal that is slow to take the display away before we are stopped.
constexpr auto kHideLimit = std::chrono::milliseconds(200);

void answer_key(char key, originator::Originator& originator, report::Reporter& reporter) {
  switch (key) {
    case 't':
      return originator.show_tests();
    case 'f':
      return reporter.show(report::View::kFailures);
    case 'w':
      return reporter.show(report::View::kWorkers);
    case '\n':
    case '\r':
      return reporter.show(report::View::kProgress);
    case '?':
    case 'h':
      return reporter.show(report::View::kKeys);
    default:
      return;
  }
}

}  // namespace

bool has_keys() { return ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) > 0; }

std::unique_ptr<TerminalKeys> take_keys(const asio::any_io_executor& executor,
                                        originator::Originator& originator,
                                        report::Reporter& reporter) {
  if (!reporter.is_live()) return nullptr;
  TerminalKeys::Events events;
  events.on_key = [&](char key) { answer_key(key, originator, reporter); };
  events.on_suspend = [&] {
    reporter.hide();
    (void)reporter.flush(kHideLimit);
  };
  events.on_continue = [&] { reporter.tick(); };
  return TerminalKeys::open(executor, STDIN_FILENO, std::move(events));
}

}  // namespace gorgon::cli
