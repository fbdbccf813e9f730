#include "listener/machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace gorgon::listener {

std::size_t Slots::free_count() const {
  return static_cast<std::size_t>(std::ranges::count(used_, false));
}

std::optional<std::uint32_t> Slots::take() {
  const auto free = std::ranges::find(used_, false);
  if (free == used_.end()) return std::nullopt;
  *free = true;
  return static_cast<std::uint32_t>(free - used_.begin()) + 1;
}

}  // namespace gorgon::listener
