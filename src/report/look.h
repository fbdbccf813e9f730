// How the terminal reporters write: options that their pure parts share, colours, names of places.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "results/verdict.h"

namespace gorgon::report {

enum class Verbosity : std::uint8_t {
  kQuiet,    ///< Failures and the summary.
  kNormal,   ///< And how the run goes.
  kVerbose,  ///< And every unit, all frames, all captured output.
};

/// What a command that runs some of the files again has to say.
struct Rerun {
  std::vector<std::string> options;              ///< As given: {"--config", "ci/gorgon.json"}.
  std::vector<std::string> selection;            ///< As given; empty: all files.
  std::vector<std::string> framework_arguments;  ///< As given behind "--".
  std::string project;  ///< The project's folder, from the working directory; empty or ".": there.
};

/// Nothing but these decides how a report's text looks.
struct Look {
  bool color = false;
  bool unicode = false;  ///< The live display may draw with more than ASCII.
  Verbosity verbosity = Verbosity::kNormal;
  bool has_keys = false;     ///< The live display may be asked for more, by keys.
  bool is_local = false;     ///< All on this machine: hosts are not worth naming.
  std::string project_root;  ///< Absolute; taken off the paths in backtraces.
  Rerun rerun;
};

enum class Style : std::uint8_t { kPlain, kBold, kDim, kRed, kBoldRed, kGreen, kYellow };
/// `text` between the control codes (ECMA-48 SGR) of `style`; as it is when `look` has no color.
[[nodiscard]] std::string painted(const Look& look, Style style, std::string_view text);

/// "PASS", "FAIL", "CRASH", "TIMEOUT", "CANCEL", "LOST", and its colour.
[[nodiscard]] std::string_view word_of(results::Verdict verdict);
[[nodiscard]] Style style_of(results::Verdict verdict);

/// The unit's file, made safe, and for a part of a file which: "spec/a_spec.rb (3 of its cases)".
[[nodiscard]] std::string title_of(const results::Unit& unit);
/// "build1:2", or "worker 2" when everything is local; empty when neither is known.
[[nodiscard]] std::string place_of(const Look& look, std::string_view host,
                                   std::string_view worker);

/// "build1:2", or "worker 2" when everything is local: in front of what a worker does or says.
[[nodiscard]] std::string slot_of(const Look& look, std::string_view host, std::string_view worker);
/// "2.3s", "1m05s", "2h10m": how long something has run, for a display that changes all the time.
[[nodiscard]] std::string age_text(double seconds);

/// The non-empty ones of `parts` with `separator` between them.
[[nodiscard]] std::string joined(const std::vector<std::string>& parts, std::string_view separator);

/// "0:41", "12:05", "1:02:03": short enough for a display that changes every second.
[[nodiscard]] std::string clock_text(double seconds);
/// As human_duration() writes it.
[[nodiscard]] std::string seconds_text(double seconds);

}  // namespace gorgon::report
