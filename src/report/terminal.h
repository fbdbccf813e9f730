// The reporter that people read: a live display on a terminal, plain lines elsewhere, and at the
// end every failure once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "report/activity.h"
#include "report/live_frame.h"
#include "report/live_region.h"
#include "report/look.h"
#include "report/output.h"
#include "report/reporter.h"
#include "report/summary.h"

namespace gorgon::report {

enum class Color : std::uint8_t { kAuto, kAlways, kNever };
[[nodiscard]] std::optional<Color> color_named(std::string_view name);

struct TerminalOptions {
  Look look;             ///< `is_local` is taken from RunStarted.
  bool is_live = false;  ///< Draw the live display: a terminal that is not dumb, and not quiet.
  std::function<TerminalSize()> size;  ///< Asked before every drawing. Never empty when is_live.
  /// Whether the terminal is ours now; of a background job it is not, and no display is drawn.
  /// Null: always.
  std::function<bool()> is_in_foreground = nullptr;
  std::function<TimePoint()> now = &std::chrono::steady_clock::now;
};

/// The value of an environment variable, or nullptr, as std::getenv.
using Environment = std::function<const char*(const char*)>;

/// What suits `fd`: live when it is a terminal, TERM is neither unset nor "dumb" and CI is not set.
/// Color::kAuto is color on such a terminal, or where CLICOLOR_FORCE asks for it; a non-empty
/// NO_COLOR (no-color.org) turns both off, and an explicit `color` overrules it. Drawing beyond
/// ASCII needs a UTF-8 locale (LC_ALL, LC_CTYPE, LANG).
[[nodiscard]] TerminalOptions terminal_options(int fd, Color color, Verbosity verbosity,
                                               const Environment& environment);

class TerminalReporter final : public Reporter {
 public:
  /// Writes to `fd`, borrowed.
  TerminalReporter(int fd, TerminalOptions options);
  /// Takes the live display away. Text that a slow reader has not taken is lost: flush() first.
  ~TerminalReporter() override;

  void on(const results::RunEvent& event) override;
  void tick() override;
  void watch(const results::Watched& news) override;
  void show(View view) override;
  void hide() override;
  [[nodiscard]] bool is_live() const override { return options_.is_live && !is_over_; }
  [[nodiscard]] bool flush(std::chrono::milliseconds at_most) override;
  [[nodiscard]] int write_error() const override { return output_.error(); }

 private:
  void on_unit_finished(const results::UnitFinished& event);
  void on_waiting(const results::Waiting& event);
  void show_progress();
  void show_output(const results::OutputLines& output);
  [[nodiscard]] std::string failures_so_far() const;
  [[nodiscard]] std::size_t columns() const;
  /// Writes lines that stay; the live display moves below them.
  void print(std::string_view lines);
  void draw();

  Output output_;
  TerminalOptions options_;
  Look look_;
  Summary summary_;
  Activity activity_;
  LiveRegion region_;
  std::string last_waiting_;      ///< Printed already, where there is no live display.
  std::size_t unread_bytes_ = 0;  ///< Of tests' output, for a reader that did not keep up.
  bool is_over_ = false;
};

}  // namespace gorgon::report
