// The program's log: one line per event, with the time, the level and the parts that the caller
// names. It never holds passwords or captured test output.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace gorgon::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Sends all further lines of at least `level` to `file` (appended to; parent folder must exist),
/// or to standard error when it is empty. Before the first call nothing below kWarning is written,
/// to standard error. kIo: the file cannot be opened.
[[nodiscard]] Result<void> open(const std::filesystem::path& file, Level level);
/// Names the process in every line: "worker 3 of job k2x9".
void set_name(std::string_view name);

void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace gorgon::log
