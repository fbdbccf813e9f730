#include "config/document.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

// document = [BOM] space value space
// value    = "null" | "true" | "false" | number | string | array | object     (RFC 8259)
// array    = "[" [ value { "," value } [ "," ] ] "]"
// object   = "{" [ member { "," member } [ "," ] ] "}"      member = string ":" value
// space    = { blank | tab | newline | "//" … newline | "/*" … "*/" }

namespace gorgon::config {

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxProblems = 20;

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t file, Problems& problems)
      : text_(text), file_(file), problems_(problems) {}

  Value document() {
    if (text_.starts_with("\xEF\xBB\xBF")) start_of_line_ = position_ = 3;
    Value value;
    if (!check_encoding() || !space() || !this->value(value, 0)) return {};
    if (!space()) return {};
    if (position_ < text_.size()) {
      fail("expected the end of the file after the value");
      return {};
    }
    return value;
  }

 private:
  // Every function below gives false after it has reported an error; the caller then only returns.

  bool fail(std::string_view message) { return fail_at(position_, message); }

  bool fail_at(std::size_t position, std::string_view message) {
    std::size_t column = 1;
    for (std::size_t i = start_of_line_; i < position && i < text_.size(); ++i) {
      // Continuation bytes of UTF-8 belong to the character before them.
      if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) ++column;
    }
    problems_.add_syntax(file_, line_, column, message);
    return false;
  }

  bool check_encoding() {
    const std::string valid = valid_utf8(text_);
    if (valid == text_) return true;
    const auto [bad, ignored] = std::ranges::mismatch(text_, valid);
    while (position_ < static_cast<std::size_t>(bad - text_.begin())) advance();
    return fail("this is not UTF-8 text");
  }

  void advance() {
    if (text_[position_++] == '\n') {
      ++line_;
      start_of_line_ = position_;
    }
  }

  [[nodiscard]] bool at(std::string_view token) const {
    return text_.substr(position_).starts_with(token);
  }
  [[nodiscard]] bool at_end() const { return position_ >= text_.size(); }

  bool space() {
    while (!at_end()) {
      if (at("//")) {
        while (!at_end() && text_[position_] != '\n') ++position_;
      } else if (at("/*")) {
        if (text_.find("*/", position_ + 2) == std::string_view::npos) {
          return fail("this comment has no closing */");
        }
        const std::size_t end = text_.find("*/", position_ + 2) + 2;
        while (position_ < end) advance();
      } else if (std::string_view(" \t\r\n").contains(text_[position_])) {
        advance();
      } else if (text_[position_] == '#') {
        return fail("comments begin with // here, not with #");
      } else {
        break;
      }
    }
    return true;
  }

  bool value(Value& out, std::size_t depth) {
    out.file = file_;
    out.line = line_;
    if (at_end()) return fail(depth == 0 ? "the file is empty: write at least {}" : unexpected());
    if (depth > kMaxDepth) return fail(fmt::format("more than {} levels of nesting", kMaxDepth));
    const char first = text_[position_];
    if (first == '{') return object(out, depth);
    if (first == '[') return array(out, depth);
    if (first == '"') {
      out.kind = Value::Kind::kString;
      return string(out.text);
    }
    if (first == '-' || (first >= '0' && first <= '9')) return number(out);
    return word(out);
  }

  bool word(Value& out) {
    std::size_t end = position_;
    while (end < text_.size() && ((text_[end] | 0x20) >= 'a' && (text_[end] | 0x20) <= 'z')) ++end;
    const std::string_view found = text_.substr(position_, end - position_);
    if (found == "null") {
      out.kind = Value::Kind::kNull;
    } else if (found == "true" || found == "false") {
      out.kind = Value::Kind::kBoolean;
      out.boolean = found == "true";
    } else if (text_[position_] == '\'') {
      return fail("strings stand in double quotes");
    } else if (!found.empty()) {
      return fail(fmt::format("expected a value, found {}: strings stand in double quotes",
                              in_quotes(found)));
    } else {
      return fail("expected a value, " + unexpected());
    }
    position_ = end;
    return true;
  }

  bool number(Value& out) {
    const std::size_t start = position_;
    const auto digits = [&] {
      const std::size_t from = position_;
      while (!at_end() && text_[position_] >= '0' && text_[position_] <= '9') ++position_;
      return position_ > from;
    };
    if (at("-")) ++position_;
    const std::size_t first_digit = position_;
    bool valid = digits() && (text_[first_digit] != '0' || position_ == first_digit + 1);
    if (at(".")) {
      ++position_;
      valid = digits() && valid;
    }
    if (at("e") || at("E")) {
      ++position_;
      if (at("+") || at("-")) ++position_;
      valid = digits() && valid;
    }
    out.kind = Value::Kind::kNumber;
    out.text = text_.substr(start, position_ - start);
    const auto parsed =
        std::from_chars(out.text.data(), out.text.data() + out.text.size(), out.number);
    if (valid && parsed.ec == std::errc() && std::isfinite(out.number)) return true;
    return fail_at(start, fmt::format("{} is not a number in JSON", in_quotes(out.text)));
  }

  bool string(std::string& out) {
    const std::size_t start = position_++;
    while (!at_end() && text_[position_] != '"') {
      const char c = text_[position_];
      if (c == '\n') break;
      if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
        return fail("a control character in a string: write it as an escape");
      }
      if (c == '\\') {
        if (!escape(out)) return false;
      } else {
        out += c;
        ++position_;
      }
    }
    if (!at("\"")) return fail_at(start, "this string has no closing quote on its line");
    ++position_;
    return true;
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = R"("\/bfnrt)";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t start = position_;
    const char name = position_ + 1 < text_.size() ? text_[position_ + 1] : '\n';
    if (const std::size_t index = kNames.find(name); index != std::string_view::npos) {
      out += kMeanings[index];
      position_ += 2;
      return true;
    }
    std::optional<std::uint32_t> code = unit();
    if (code && *code >= 0xD800 && *code < 0xDC00) {
      const std::optional<std::uint32_t> low = unit();
      const bool is_pair = low && *low >= 0xDC00 && *low < 0xE000;
      if (!is_pair) return fail_at(start, "half of a surrogate pair");
      code = 0x10000 + ((*code - 0xD800) << 10U) + (*low - 0xDC00);
    }
    if (!code) return fail_at(start, R"(unknown escape; a backslash itself is written \\)");
    if (*code >= 0xDC00 && *code < 0xE000) return fail_at(start, "half of a surrogate pair");
    // No path, argument or name can hold one; in the middle of a C string it would cut the rest.
    if (*code == 0) return fail_at(start, "a NUL character is not allowed");
    append_utf8(out, *code);
    return true;
  }

  /// Reads one \uXXXX.
  std::optional<std::uint32_t> unit() {
    if (!at("\\u") || text_.size() < position_ + 6) return std::nullopt;
    const char* from = text_.data() + position_ + 2;
    std::uint32_t code = 0;
    if (std::from_chars(from, from + 4, code, 16).ptr != from + 4) return std::nullopt;
    position_ += 6;
    return code;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
      byte(0xC0U | (code >> 6U));
    } else if (code < 0x10000) {
      byte(0xE0U | (code >> 12U));
      byte(0x80U | ((code >> 6U) & 0x3FU));
    } else {
      byte(0xF0U | (code >> 18U));
      byte(0x80U | ((code >> 12U) & 0x3FU));
      byte(0x80U | ((code >> 6U) & 0x3FU));
    }
    byte(0x80U | (code & 0x3FU));
  }

  /// What stands between two elements: gives in `done` whether the collection ends here.
  bool separator(char closing, bool first, bool& done) {
    if (!space()) return false;
    if (!first) {
      if (at(",")) {
        ++position_;
        if (!space()) return false;
      } else if (!at({&closing, 1})) {
        return fail(fmt::format("expected \",\" or \"{}\", {}", closing, unexpected()));
      }
    }
    done = at({&closing, 1});
    if (done) ++position_;
    return true;
  }

  bool array(Value& out, std::size_t depth) {
    out.kind = Value::Kind::kArray;
    ++position_;
    for (bool done = false;;) {
      if (!separator(']', out.elements.empty(), done)) return false;
      if (done) return true;
      if (!value(out.elements.emplace_back(), depth + 1)) return false;
    }
  }

  bool object(Value& out, std::size_t depth) {
    out.kind = Value::Kind::kObject;
    ++position_;
    std::set<std::string, std::less<>> names;
    for (bool done = false;;) {
      if (!separator('}', out.members.empty(), done)) return false;
      if (done) return true;
      Member& member = out.members.emplace_back(Member{.name = {}, .line = line_, .value = {}});
      if (!at("\"")) return fail("expected a key in double quotes, " + unexpected());
      if (!string(member.name) || !space()) return false;
      if (!at(":")) return fail("expected \":\" after the key, " + unexpected());
      ++position_;
      if (!names.insert(member.name).second) {
        problems_.add(
            file_, member.line, "",
            "the key " + in_quotes(member.name) + " stands twice in this object: keep one");
      }
      if (!space() || !value(member.value, depth + 1)) return false;
    }
  }

  [[nodiscard]] std::string unexpected() const {
    if (at_end()) return "found the end of the file";
    std::size_t length = 1;  // One whole character.
    while (position_ + length < text_.size() &&
           (static_cast<unsigned char>(text_[position_ + length]) & 0xC0) == 0x80) {
      ++length;
    }
    return "found " + (at("\"") ? "a string" : in_quotes(text_.substr(position_, length)));
  }

  std::string_view text_;
  std::size_t file_;
  Problems& problems_;
  std::size_t position_ = 0;
  std::size_t start_of_line_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

const Value* Value::find(std::string_view name) const {
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [&](const Member& member) { return member.name == name; });
  return found == members.rend() ? nullptr : &found->value;
}

std::string_view kind_of(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBoolean:
      return value.boolean ? "true" : "false";
    case Value::Kind::kNumber:
      return "a number";
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kObject:
      return "an object";
  }
  return "a value";
}

std::size_t Problems::add_file(std::string name) {
  files_.push_back(std::move(name));
  return files_.size() - 1;
}

void Problems::add(std::size_t file, std::size_t line, std::string_view path,
                   std::string_view text) {
  std::string message = fmt::format("{}:{}: ", files_.at(file), line);
  if (!path.empty()) message += fmt::format("{}: ", path);
  entries_.push_back({.file = file, .line = line, .text = message.append(text)});
}

void Problems::add_syntax(std::size_t file, std::size_t line, std::size_t column,
                          std::string_view text) {
  entries_.push_back({.file = file,
                      .line = line,
                      .text = fmt::format("{}:{}:{}: {}", files_.at(file), line, column, text)});
}

Error Problems::error() const {
  std::vector<Entry> entries = entries_;
  std::ranges::stable_sort(entries, {},
                           [](const Entry& entry) { return std::pair(entry.file, entry.line); });
  std::string message;
  for (const Entry& entry : entries | std::views::take(kMaxProblems)) {
    if (!message.empty()) message += '\n';
    message += entry.text;
  }
  if (entries.size() > kMaxProblems) {
    message += fmt::format("\n… and {} more", entries.size() - kMaxProblems);
  }
  return {.kind = ErrorKind::kUsage, .message = std::move(message)};
}

Value parse_document(std::string_view text, std::size_t file, Problems& problems) {
  return Scanner(text, file, problems).document();
}

Value merge(Value base, Value over) {
  if (!base.is(Value::Kind::kObject) || !over.is(Value::Kind::kObject)) return over;
  for (Member& member : over.members) {
    const auto same = std::ranges::find(base.members, member.name, &Member::name);
    if (same == base.members.end()) {
      base.members.push_back(std::move(member));
    } else {
      same->line = member.line;
      same->value = merge(std::move(same->value), std::move(member.value));
    }
  }
  return base;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLimit = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, kLimit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  if (text.size() > kLimit) result = valid_utf8(result) + "…";
  return result + '"';
}

}  // namespace gorgon::config
