#include "history/texts.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace gorgon::history {

std::string as_column(const std::vector<std::string>& texts) { return dump_json(Json(texts)); }

std::vector<std::string> texts_in(std::string_view column) {
  const auto json = parse_json(column);
  std::vector<std::string> texts;
  if (!json || !json->is_array()) return texts;
  for (const Json& text : *json) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

}  // namespace gorgon::history
