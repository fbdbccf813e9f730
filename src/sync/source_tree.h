#pragma once
#include <filesystem>

#include "base/asio.h"
#include "config/source_location.h"
namespace gorgon::sync {
inline Task<Result<void>> pull(config::SourceLocation, std::filesystem::path) {
  co_return Result<void>();
}
}  // namespace gorgon::sync
