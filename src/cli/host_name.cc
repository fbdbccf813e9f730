#include "cli/host_name.h"

#include <unistd.h>

#include <array>
#include <string>

namespace gorgon::cli {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  const std::string full = name.data();
  return full.substr(0, full.find('.'));
}

}  // namespace gorgon::cli
