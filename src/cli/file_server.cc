#include "sync/file_server.h"

#include <cstdio>
#include <string>
#include <utility>

#include "base/asio.h"
#include "cli/commands.h"
#include "cli/places.h"

namespace gorgon::cli {

int start_rsync(const StartRsyncCommand& command) {
  sync::FileServerOptions options{.directory = command.directory,
                                  .secrets = command.secrets,
                                  .state_directory = state_directory()};
  if (command.port) options.port = *command.port;
  if (!command.bind.empty()) options.bind = command.bind;
  const bool is_open =
      command.secrets.empty() && options.bind != "127.0.0.1" && options.bind != "::1";
  if (is_open) {
    std::fprintf(stderr,
                 "gorgon: warning: everybody who reaches %s can read and write the trees here; "
                 "give --secrets FILE\n",
                 options.bind.c_str());
  }
  const std::string where = options.bind + ":" + std::to_string(options.port);
  asio::io_context io(1);
  const auto started = run_to_completion(io, sync::start_file_server(std::move(options)));
  if (!started) return complain(started.error());
  std::printf("serving %s on %s\n", command.directory.c_str(), where.c_str());
  return 0;
}

int stop_rsync() {
  asio::io_context io(1);
  const auto stopped = run_to_completion(io, sync::stop_file_server(state_directory()));
  if (!stopped) return complain(stopped.error());
  std::printf("the file server has stopped\n");
  return 0;
}

}  // namespace gorgon::cli
