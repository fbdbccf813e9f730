#include "plan/failed_files.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace gorgon::plan {

Result<void> write_failed_files(const fs::path& file, std::span<const std::string> paths) {
  std::string text = "[";
  for (const std::string& path : paths) {
    text += (text.size() == 1 ? "\n  " : ",\n  ") + dump_json(path);
  }
  return write_file(file, text + (paths.empty() ? "]\n" : "\n]\n"));
}

Result<std::vector<std::string>> read_failed_files(const fs::path& file) {
  GORGON_TRY_ASSIGN(const std::string text, read_file(file));
  const auto json = parse_json(text);
  const bool is_list = json && json->is_array() && std::ranges::all_of(*json, [](const Json& path) {
                         return path.is_string();
                       });
  if (!is_list) {
    return fail(ErrorKind::kUsage,
                file.string() + ": expected a JSON array of strings: remove it and run again");
  }
  return json->get<std::vector<std::string>>();
}

}  // namespace gorgon::plan
