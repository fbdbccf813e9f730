#include "plan/runtimes.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/result.h"

// {
//   "spec/models/user_spec.rb": 12.345,
//   "spec/models/account_spec.rb": 0.2
// }

namespace gorgon::plan {

namespace {

using Seconds = std::chrono::duration<double>;

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

void set_aside(const fs::path& file, const std::string& reason) {
  const fs::path aside = file.string() + ".corrupt";
  std::error_code error;
  fs::rename(file, aside, error);
  log::warning("the recorded runtimes in {} cannot be used ({}); recording starts anew{}",
               file.string(), reason, error ? "" : ", the file is kept as " + aside.string());
}

}  // namespace

Runtimes load_runtimes(const fs::path& file) {
  const auto text = read_file(file);
  if (!text && text.error().kind != ErrorKind::kNotFound) {
    log::warning("recorded runtimes are left out: {}", text.error().message);
  }
  if (!text || is_blank(*text)) return {};
  const auto json = parse_json(*text);
  if (!json || !json->is_object()) {
    set_aside(file, json ? "expected a JSON object" : json.error().message);
    return {};
  }
  Runtimes runtimes;
  for (const auto& [path, value] : json->items()) {
    if (!value.is_number()) continue;
    const auto seconds = value.get<double>();
    if (seconds >= 0 && seconds <= kMaxSeconds) runtimes.emplace(path, Seconds(seconds));
  }
  return runtimes;
}

Runtimes merge_runtimes(Runtimes recorded, const Runtimes& newest) {
  for (const auto& [path, runtime] : newest) recorded.insert_or_assign(path, runtime);
  return recorded;
}

Runtimes prune_runtimes(Runtimes runtimes, const fs::path& project) {
  std::erase_if(runtimes, [&](const auto& entry) {
    std::error_code error;
    const fs::file_status status = fs::status(project / entry.first, error);
    // Only what is surely gone: an error such as a missing permission says nothing.
    return status.type() == fs::file_type::not_found;
  });
  return runtimes;
}

std::string format_runtimes(const Runtimes& runtimes) {
  std::vector<std::pair<std::string, double>> entries;
  entries.reserve(runtimes.size());
  // Microseconds are all that a clock over a process boundary can tell. Before they are sorted:
  // what is read back and written again has to be the same.
  for (const auto& [path, runtime] : runtimes)
    entries.emplace_back(path, std::round(runtime.count() * 1e6) / 1e6);
  std::ranges::stable_sort(entries, std::ranges::greater(),
                           &std::pair<std::string, double>::second);
  std::string text = "{";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [path, seconds] = entries[i];
    text += fmt::format("{}\n  {}: {}", i == 0 ? "" : ",", dump_json(path), seconds);
  }
  return text + (entries.empty() ? "}\n" : "\n}\n");
}

Result<void> record_runtimes(const fs::path& file, const fs::path& project,
                             const Runtimes& newest) {
  Runtimes merged = merge_runtimes(load_runtimes(file), newest);
  if (!project.empty()) merged = prune_runtimes(std::move(merged), project);
  if (merged.empty()) return {};
  return write_file(file, format_runtimes(merged));
}

}  // namespace gorgon::plan
