#include "command_host/output.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/process_tree.h"

namespace gorgon::command_host {

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::int64_t output_size() {
  struct stat status{};
  return ::fstat(STDOUT_FILENO, &status) == 0 ? status.st_size : 0;
}

void kill_leftovers() {
  kill_descendants(::getpid());
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

}  // namespace gorgon::command_host
