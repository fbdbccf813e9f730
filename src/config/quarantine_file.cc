#include "config/quarantine_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/document.h"
#include "config/key_row.h"
#include "config/keys.h"

namespace gorgon::config {

namespace {

struct QuarantineList {
  std::vector<QuarantineEntry> entries;
};

template <class Number>
std::optional<Number> digits(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "2026-12-31", a day that there is.
std::optional<std::chrono::year_month_day> date_in(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00";
  if (text.size() != kForm.size() || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits<int>(text.substr(0, 4));
  const auto month = digits<unsigned>(text.substr(5, 2));
  const auto day = digits<unsigned>(text.substr(8, 2));
  if (!year || !month || !day || *year < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  return date.ok() ? std::optional(date) : std::nullopt;
}

Setter<QuarantineEntry> date(std::chrono::year_month_day QuarantineEntry::* member) {
  return {R"("2026-12-31")",
          [member](QuarantineEntry& out, const Value& value, const Place& place) {
            const auto text = read_text(value, place);
            if (!text) return;
            const auto read = date_in(*text);
            if (!read) return place.reject(value, "expected a day like \"2026-12-31\"");
            out.*member = *read;
          }};
}

const Table<QuarantineEntry>& entry_keys() {
  static const Table<QuarantineEntry> table = {
      {{"file"}, "the test file", text(&QuarantineEntry::file)},
      {{"case"},
       "name or id of one case, as reports have it; without it, all of the file",
       text(&QuarantineEntry::test_case)},
      {{"owner"}, "who mends it", text(&QuarantineEntry::owner)},
      {{"reason"}, "why it is here", text(&QuarantineEntry::reason)},
      {{"expires"}, "the last day on which it holds", date(&QuarantineEntry::expires)},
  };
  return table;
}

/// Whoever reads an entry later has to know all of it.
void require_all(const Value& value, const QuarantineEntry& entry, const Place& place) {
  const auto require = [&](std::string_view key, bool is_there) {
    if (is_there) return;
    const Value* found = value.find(key);
    // A value of the wrong kind was complained of when it was read.
    const bool is_empty =
        found != nullptr && found->is(Value::Kind::kString) && found->text.empty();
    if (found == nullptr || is_empty)
      place.inside(key).reject(found == nullptr ? value : *found,
                               "is missing: an entry has a file, an owner, a reason, and the day "
                               "on which it expires");
  };
  require("file", !entry.file.empty());
  require("owner", !entry.owner.empty());
  require("reason", !entry.reason.empty());
  require("expires", value.find("expires") != nullptr);
}

/// As reports have it, or it would match nothing, and nobody would notice.
void check_file(const Value& value, QuarantineEntry& entry, const Place& place) {
  while (entry.file.starts_with("./")) entry.file.erase(0, 2);
  const auto parts = std::filesystem::path(entry.file);
  const bool leads_out = parts.is_absolute() || std::ranges::find(parts, "..") != parts.end();
  if (leads_out)
    place.inside("file").reject(*value.find("file"),
                                "expected the file as reports have it, relative to the project");
}

Setter<QuarantineList> entries() {
  return {"array of objects",
          [](QuarantineList& out, const Value& value, const Place& place) {
            if (!value.is(Value::Kind::kArray)) return place.reject_type(value, "an array");
            for (std::size_t i = 0; i < value.elements.size(); ++i) {
              const Value& element = value.elements[i];
              QuarantineEntry entry{.line = element.line};
              read_object(element, entry_keys(), entry, place.element(i));
              if (element.is(Value::Kind::kObject)) require_all(element, entry, place.element(i));
              check_file(element, entry, place.element(i));
              out.entries.push_back(std::move(entry));
            }
          },
          rows_of(entry_keys())};
}

const Table<QuarantineList>& list_keys() {
  static const Table<QuarantineList> table = {
      {{"quarantine"}, "tests whose failures do not decide", entries()},
  };
  return table;
}

}  // namespace

Result<std::vector<QuarantineEntry>> load_quarantine(const std::filesystem::path& project) {
  auto text = read_file(project / kQuarantineFile);
  if (!text && text.error().kind == ErrorKind::kNotFound) return std::vector<QuarantineEntry>();
  if (!text) return std::unexpected(std::move(text).error());
  Problems problems;
  const std::size_t file = problems.add_file(std::string(kQuarantineFile));
  const Value root = parse_document(*text, file, problems);
  QuarantineList list;
  if (problems.is_empty())
    read_object(root, list_keys(), list, Place{.problems = problems, .folder = project});
  if (!problems.is_empty()) return std::unexpected(problems.error());
  return std::move(list.entries);
}

std::chrono::year_month_day local_date() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  ::localtime_r(&now, &local);
  constexpr int kFirstYear = 1900;
  return {std::chrono::year(local.tm_year + kFirstYear),
          std::chrono::month(static_cast<unsigned>(local.tm_mon) + 1),
          std::chrono::day(static_cast<unsigned>(local.tm_mday))};
}

std::string text_of(std::chrono::year_month_day date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string title_of(const QuarantineEntry& entry) {
  return entry.test_case.empty() ? entry.file : entry.file + ": " + entry.test_case;
}

std::vector<KeyRow> quarantine_rows() { return rows_of(list_keys()); }

}  // namespace gorgon::config
