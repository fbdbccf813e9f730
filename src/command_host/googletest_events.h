// What a GoogleTest program tells while it runs: the lines that it sends to whom
// --gtest_stream_result_to names (class StreamingListener in its gtest-internal-inl.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gorgon::command_host {

struct GoogleTestEvent {
  enum class Kind : std::uint8_t {
    kSuiteStart,  ///< `name`
    kCaseStart,   ///< `name`, without its suite's
    kPart,        ///< An expectation, or a skip: `file`, `line`, `message`. Not said which.
    kCaseEnd,     ///< `passed`: neither failed nor skipped. `seconds`
    kSuiteEnd,    ///< `passed`
    kRoundEnd,    ///< `passed`. There are several with --gtest_repeat.
    kProgramEnd,  ///< `passed`
    kOther,       ///< Nothing that matters here, or no event.
  };
  Kind kind = Kind::kOther;
  std::string name = {};
  std::string file = {};   ///< Empty: unknown.
  std::int64_t line = -1;  ///< Below 1: unknown.
  std::string message = {};
  bool passed = false;
  double seconds = 0;
};

/// One line, without its end.
[[nodiscard]] GoogleTestEvent parse_googletest_event(std::string_view text);

}  // namespace gorgon::command_host
