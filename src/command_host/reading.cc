#include "command_host/reading.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

void erase_all(std::string& text, std::string_view part) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;)
    text.erase(at, part.size());
}

}  // namespace

std::string CaseIds::id_for(const std::string& name) {
  std::string id = name;
  for (int copy = 2; !taken_.insert(id).second; ++copy) id = name + "~" + std::to_string(copy);
  return id;
}

std::string relative_paths(std::string text, const ReadUnit& unit) {
  erase_all(text, "file://");
  erase_all(text, unit.workspace + "/");
  return text;
}

std::string without_column(std::string text) {
  const auto column = text.find_last_not_of(kDigits);
  if (column == std::string::npos || column + 1 == text.size() || text[column] != ':') return text;
  const auto line = text.find_last_not_of(kDigits, column - 1);
  const bool has_line = column > 0 && line != std::string::npos && line + 1 < column;
  if (has_line && text[line] == ':') text.resize(column);
  return text;
}

std::string place_in(std::string_view text, const ReadUnit& unit) {
  const std::string wanted = unit.file + ":";
  for (std::size_t at = 0; (at = text.find(wanted, at)) != std::string_view::npos; ++at) {
    const std::string_view rest = text.substr(at + wanted.size());
    const std::string_view line = rest.substr(0, rest.find_first_not_of(kDigits));
    if (!line.empty()) return wanted + std::string(line);
  }
  return unit.file;
}

results::Failure outside(std::string message) {
  return {
      .stage = "outside", .exception_class = "", .message = std::move(message), .backtrace = {}};
}

}  // namespace gorgon::command_host
