#include "base/result.h"

#include <system_error>

namespace gorgon {

std::unexpected<Error> fail_errno(std::string message, int errno_value) {
  message += ": ";
  message += std::generic_category().message(errno_value);
  return fail(ErrorKind::kIo, std::move(message));
}

}  // namespace gorgon
