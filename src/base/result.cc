#include "base/result.h"

#include <expected>
#include <string>
#include <system_error>
#include <utility>

namespace gorgon {

std::unexpected<Error> fail_errno(std::string message, int errno_value) {
  message += ": ";
  message += std::generic_category().message(errno_value);
  return fail(ErrorKind::kIo, std::move(message));
}

}  // namespace gorgon
