#include "base/json.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gorgon {

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxValues = 1'000'000;

/// Builds the tree from the parser's events, and stops at a limit. The library's own builder with a
/// callback goes on to the end of the text, and looks through all elements of a list at the end of
/// each: a list of a million empty objects would keep it busy for hours.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] Json take_root() { return std::move(root_); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }  // Not a thing of JSON.
  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    member_ = &(*open_.back())[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return stop("not valid JSON (at byte " + std::to_string(position) + ")");
  }

 private:
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool put(Json value) {
    if (++values_ > kMaxValues) {
      return stop("JSON of more than " + std::to_string(kMaxValues) + " values");
    }
    if (open_.empty()) {
      last_ = &(root_ = std::move(value));
    } else if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      last_ = &open_.back()->back();
    } else {
      last_ = &(*member_ = std::move(value));
    }
    return true;
  }
  bool open(Json empty) {
    if (open_.size() >= kMaxDepth) {
      return stop("JSON nests deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    if (!put(std::move(empty))) return false;
    open_.push_back(last_);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;  ///< Each stays where it is: only the innermost one grows.
  Json* member_ = nullptr;   ///< Of the innermost object: where its next value goes.
  Json* last_ = nullptr;
  std::size_t values_ = 0;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  TreeBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(ErrorKind::kProtocol, builder.problem());
  }
  return builder.take_root();
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

std::int64_t ObjectReader::integer(std::string_view key, IntegerRange range) {
  if (find(key) == nullptr) reject(key, "an integer");
  return integer_or(key, 0, range);
}

std::optional<std::int64_t> ObjectReader::optional_integer(std::string_view key) {
  if (find(key) == nullptr) return std::nullopt;
  return integer_or(key, 0);
}

std::int64_t ObjectReader::integer_or(std::string_view key, std::int64_t fallback,
                                      IntegerRange range) {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number_integer()) {
    reject(key, "an integer");
    return fallback;
  }
  // The library keeps what is above the signed range as unsigned; to convert it would wrap around.
  const bool is_too_large =
      found->is_number_unsigned() &&
      !std::in_range<std::int64_t>(found->get_ref<const Json::number_unsigned_t&>());
  const std::int64_t value =
      is_too_large ? std::numeric_limits<std::int64_t>::max() : found->get<std::int64_t>();
  if (is_too_large || value < range.least || value > range.most) {
    reject(key,
           "an integer from " + std::to_string(range.least) + " to " + std::to_string(range.most));
    return fallback;
  }
  return value;
}

double ObjectReader::measured_seconds_or(std::string_view key, double fallback) {
  return find(key) == nullptr ? fallback : measured_seconds(key);
}

double ObjectReader::measured_seconds(std::string_view key) {
  const Json* found = find(key);
  if (found == nullptr) return 0;
  if (!found->is_number()) {
    reject(key, "a number");
    return 0;
  }
  return std::clamp(found->get<double>(), 0.0, kMaxSeconds);
}

std::chrono::duration<double> ObjectReader::limit_or(std::string_view key,
                                                     std::chrono::duration<double> fallback) {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  const double seconds = found->is_number() ? found->get<double>() : -1;
  if (seconds < 0 || seconds > kMaxSeconds) {
    reject(key, "a number of seconds that is not negative, at most 1e9");
    return fallback;
  }
  return std::chrono::duration<double>(seconds);
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
