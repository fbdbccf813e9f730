#include "base/json.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gorgon {

namespace {
constexpr int kMaxDepth = 64;
}  // namespace

Result<Json> parse_json(std::string_view text) {
  bool too_deep = false;
  const auto callback = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) too_deep = true;
    return !too_deep;
  };
  Json value = Json::parse(text.begin(), text.end(), callback, /*allow_exceptions=*/false);
  if (too_deep)
    return fail(ErrorKind::kProtocol,
                "JSON nests deeper than " + std::to_string(kMaxDepth) + " levels");
  if (value.is_discarded()) return fail(ErrorKind::kProtocol, "not valid JSON");
  return value;
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ObjectReader::ObjectReader(const Json& value, std::string name)
    : value_(value), name_(std::move(name)) {
  if (!value_.is_object()) error_ = Error{ErrorKind::kProtocol, name_ + ": expected an object"};
}

const Json* ObjectReader::find(std::string_view key) const {
  if (!value_.is_object()) return nullptr;
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

void ObjectReader::reject(std::string_view key, std::string_view expected) {
  if (error_) return;
  error_ = Error{ErrorKind::kProtocol,
                 name_ + "." + std::string(key) + ": expected " + std::string(expected)};
}

Result<void> ObjectReader::status() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

std::string ObjectReader::text(std::string_view key) {
  auto found = optional_text(key);
  if (!found) reject(key, "a string");
  return found.value_or("");
}

std::string ObjectReader::text_or(std::string_view key, std::string_view fallback) {
  return optional_text(key).value_or(std::string(fallback));
}

std::optional<std::string> ObjectReader::optional_text(std::string_view key) {
  const Json* found = find(key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_string()) {
    reject(key, "a string");
    return std::nullopt;
  }
  return found->get<std::string>();
}

std::int64_t ObjectReader::integer(std::string_view key) {
  if (find(key) == nullptr) reject(key, "an integer");
  return integer_or(key, 0);
}

std::int64_t ObjectReader::integer_or(std::string_view key, std::int64_t fallback) {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number_integer()) {
    reject(key, "an integer");
    return fallback;
  }
  return found->get<std::int64_t>();
}

double ObjectReader::number_or(std::string_view key, double fallback) {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number()) {
    reject(key, "a number");
    return fallback;
  }
  return found->get<double>();
}

bool ObjectReader::boolean_or(std::string_view key, bool fallback) {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_boolean()) {
    reject(key, "true or false");
    return fallback;
  }
  return found->get<bool>();
}

std::vector<std::string> ObjectReader::texts(std::string_view key) {
  std::vector<std::string> result;
  const Json* found = find(key);
  if (found == nullptr) return result;
  if (!found->is_array()) {
    reject(key, "an array of strings");
    return result;
  }
  for (const Json& element : *found) {
    if (!element.is_string()) {
      reject(key, "an array of strings");
      return {};
    }
    result.push_back(element.get<std::string>());
  }
  return result;
}

void ObjectReader::objects(std::string_view key, const std::function<void(ObjectReader&)>& read) {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_array()) return reject(key, "an array of objects");
  for (std::size_t i = 0; i < found->size() && !error_; ++i) {
    ObjectReader element((*found)[i],
                         name_ + "." + std::string(key) + "[" + std::to_string(i) + "]");
    if (!element.error_) read(element);
    if (element.error_) error_ = element.error_;
  }
}

bool ObjectReader::object(std::string_view key, const std::function<void(ObjectReader&)>& read) {
  const Json* found = find(key);
  if (found == nullptr) return false;
  ObjectReader inner(*found, name_ + "." + std::string(key));
  if (!inner.error_) read(inner);
  if (inner.error_ && !error_) error_ = inner.error_;
  return true;
}

void ObjectReader::members(
    std::string_view key,
    const std::function<void(const std::string&, std::optional<std::string>)>& read) {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_object()) return reject(key, "an object of strings");
  for (const auto& [name, value] : found->items()) {
    if (value.is_null()) {
      read(name, std::nullopt);
    } else if (value.is_string()) {
      read(name, value.get<std::string>());
    } else {
      return reject(key, "an object of strings");
    }
  }
}

}  // namespace gorgon
