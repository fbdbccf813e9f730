#include "worker/worker.h"

#include <poll.h>
#include <signal.h>

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "worker/settings.h"

namespace gorgon::cli {

namespace {

constexpr int kControlFd = 3;
constexpr int kSettingsWaitMs = 10'000;

Result<worker::Settings> receive_settings(int control) {
  pollfd wait{.fd = control, .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, kSettingsWaitMs) != 1)
    return fail(ErrorKind::kTimeout, "no settings came from the listener");
  GORGON_TRY_ASSIGN(const Datagram datagram, receive_datagram(control));
  return worker::decode_settings(datagram.bytes);
}

}  // namespace

int worker() {
  UniqueFd control(kControlFd);
  auto settings = receive_settings(control.get());
  if (!settings) {
    std::fprintf(stderr, "gorgon worker: %s; workers are started by `gorgon listen`\n",
                 settings.error().message.c_str());
    return 2;
  }
  log::set_name("worker " + std::to_string(settings->worker) + " of job " + settings->job.id);
  if (!settings->log_file.empty()) {
    if (const auto opened = log::open(settings->log_file, log::Level::kInfo); !opened)
      return complain(opened.error());
  }
  asio::io_context io(1);
  worker::Worker worker(io.get_executor(), *std::move(settings), std::move(control));
  // Ctrl-C is for the program in the terminal's foreground, which may let us finish.
  ::signal(SIGINT, SIG_IGN);
  asio::signal_set signals(io, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) worker.stop();
  });
  return run_to_completion(io, worker.run());
}

}  // namespace gorgon::cli
