#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "command_host/host.h"

namespace gorgon::cli {

int command_host(const CommandHostCommand& command) {
  const char* const name = std::getenv("GORGON_HOST_FD");
  const std::optional<int> control = name == nullptr ? std::nullopt : number_of<int>(name);
  if (!control) {
    std::fprintf(stderr, "gorgon command-host: is started by `gorgon listen`\n");
    return 2;
  }
  ::unsetenv("GORGON_HOST_FD");
  close_on_exec(*control);
  return command_host::run_host(UniqueFd(*control), command.scratch);
}

}  // namespace gorgon::cli
