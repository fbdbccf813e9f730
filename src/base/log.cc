#include "base/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace gorgon::log {

namespace {

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto first = std::make_shared<spdlog::logger>(
        "gorgon", std::make_shared<spdlog::sinks::stderr_sink_st>());
    first->set_level(spdlog::level::warn);
    first->set_pattern("gorgon: %v");
    return first;
  }();
  return instance;
}

/// What this process is, in front of each line; empty: nothing.
std::string& process_name() {
  static std::string name;
  return name;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// `text` as one entry: what other machines say is in it, and must neither speak to a terminal nor
/// look like an entry of its own.
std::string as_entry(std::string_view text) {
  std::string entry;
  const std::string valid = valid_utf8(text);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const bool is_c1 = byte == 0xC2 && static_cast<unsigned char>(valid[i + 1]) < 0xA0;
    if (byte == '\n') {
      entry += "\n    ";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
      entry += fmt::format("\\x{:02x}", byte);
    } else if (is_c1) {
      entry += fmt::format("\\u{:04x}", static_cast<unsigned char>(valid[++i]));
    } else {
      entry += valid[i];
    }
  }
  return entry;
}

}  // namespace

Result<void> open(const std::filesystem::path& file, Level level) {
  spdlog::sink_ptr sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
  } else {
    // Names of files and machines, and what they said, are for this user. A file that is there
    // keeps its mode.
    const UniqueFd made(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(file.string());
    } catch (const spdlog::spdlog_ex& e) {
      return fail(ErrorKind::kIo, "cannot open the log file " + file.string() + ": " + e.what());
    }
  }
  logger() = std::make_shared<spdlog::logger>("gorgon", std::move(sink));
  logger()->set_level(to_spdlog(level));
  logger()->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
  logger()->flush_on(spdlog::level::debug);
  return {};
}

void set_name(std::string_view name) { process_name() = name; }

void write(Level level, std::string_view line) {
  if (!logger()->should_log(to_spdlog(level))) return;
  const std::string_view name = process_name();
  const std::string entry = as_entry(line);
  logger()->log(to_spdlog(level), "{}{}{}", name, name.empty() ? "" : ": ", entry);
}

}  // namespace gorgon::log
