// A line is event=NAME, then &key=value for each of its fields. In values "%", "=", "&" and the end
// of a line stand as %XX; names of suites and cases stand as they are, and come last.
#include "command_host/googletest_events.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/json.h"
#include "base/text.h"

namespace gorgon::command_host {

namespace {

using Kind = GoogleTestEvent::Kind;

struct NamedKind {
  std::string_view name;
  Kind kind;
};
constexpr std::array kKinds = std::to_array<NamedKind>({
    {"TestCaseStart", Kind::kSuiteStart},  // The old word for a suite stayed here.
    {"TestStart", Kind::kCaseStart},
    {"TestPartResult", Kind::kPart},
    {"TestEnd", Kind::kCaseEnd},
    {"TestCaseEnd", Kind::kSuiteEnd},
    {"TestIterationEnd", Kind::kRoundEnd},
    {"TestProgramEnd", Kind::kProgramEnd},
});

std::string decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned code = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (text[at] == '%' && error == std::errc() && end == digits.data() + 2) {
      plain += static_cast<char>(code);
      at += 2;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

/// "12ms"
double seconds_of(std::string_view text) {
  if (!text.ends_with("ms")) return 0;
  const auto milliseconds = number_of<std::int64_t>(text.substr(0, text.size() - 2));
  if (!milliseconds || *milliseconds < 0) return 0;
  return std::min(static_cast<double>(*milliseconds) / 1000, kMaxSeconds);
}

void take_field(GoogleTestEvent& event, std::string_view key, std::string_view value) {
  if (key == "file") event.file = valid_utf8(decoded(value));
  if (key == "line") event.line = number_of<std::int64_t>(value).value_or(-1);
  if (key == "message") event.message = valid_utf8(decoded(value));
  if (key == "passed") event.passed = value == "1";
  if (key == "elapsed_time") event.seconds = seconds_of(value);
}

}  // namespace

GoogleTestEvent parse_googletest_event(std::string_view text) {
  constexpr std::string_view kEvent = "event=";
  GoogleTestEvent event;
  if (!text.starts_with(kEvent)) return event;
  std::string_view rest = text.substr(kEvent.size());
  const std::string_view name = rest.substr(0, rest.find('&'));
  rest.remove_prefix(name.size());
  const auto* known = std::ranges::find(kKinds, name, &NamedKind::name);
  if (known == kKinds.end()) return event;
  event.kind = known->kind;
  constexpr std::string_view kName = "&name=";
  if (rest.starts_with(kName)) {
    event.name = valid_utf8(rest.substr(kName.size()));
    return event;
  }
  while (rest.starts_with('&')) {
    rest.remove_prefix(1);
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(field.size());
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) continue;
    take_field(event, field.substr(0, equals), field.substr(equals + 1));
  }
  return event;
}

}  // namespace gorgon::command_host
