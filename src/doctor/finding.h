// What `gorgon doctor` has found in one place: good, worth a note, or a problem. A note or problem
// that does not say what helps cannot be made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace gorgon::doctor {

enum class Level : std::uint8_t {
  kOk,
  kNote,     ///< Runs work, though not as well or as safely as they could.
  kProblem,  ///< Runs fail, or lose a machine.
};
/// "ok", "note", "problem".
[[nodiscard]] std::string_view name_of(Level level);

/// What to do about it. Never empty.
class Remedy {
 public:
  explicit Remedy(std::string text) : text_(std::move(text)) { GORGON_CHECK(!text_.empty()); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What was looked at: sections of the report, in this order.
enum class Area : std::uint8_t { kProject, kBroker, kTransport, kMachines };
/// "project", "broker", "transport", "machines".
[[nodiscard]] std::string_view name_of(Area area);

class Finding {
 public:
  /// `subject` is what was checked, in a word or two: "configuration", or the name of a machine;
  /// `what` how it is, of one line or more.
  [[nodiscard]] static Finding ok(Area area, std::string subject, std::string what) {
    return {area, Level::kOk, std::move(subject), std::move(what), {}};
  }
  [[nodiscard]] static Finding note(Area area, std::string subject, std::string what,
                                    const Remedy& remedy) {
    return {area, Level::kNote, std::move(subject), std::move(what), remedy.text()};
  }
  [[nodiscard]] static Finding problem(Area area, std::string subject, std::string what,
                                       const Remedy& remedy) {
    return {area, Level::kProblem, std::move(subject), std::move(what), remedy.text()};
  }

  [[nodiscard]] Area area() const { return area_; }
  [[nodiscard]] Level level() const { return level_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] const std::string& what() const { return what_; }
  /// Empty exactly with kOk.
  [[nodiscard]] const std::string& remedy() const { return remedy_; }

 private:
  Finding(Area area, Level level, std::string subject, std::string what, std::string remedy)
      : area_(area),
        level_(level),
        subject_(std::move(subject)),
        what_(std::move(what)),
        remedy_(std::move(remedy)) {}
  Area area_;
  Level level_;
  std::string subject_;
  std::string what_;
  std::string remedy_;
};
using Findings = std::vector<Finding>;

[[nodiscard]] bool has_problem(const Findings& findings);

}  // namespace gorgon::doctor
