// A recorded run as the data of its page, read on while the run goes on. Several browsers may look
// at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/store.h"
#include "report/html_records.h"
#include "report/past.h"
#include "report/summary.h"
#include "results/run_event.h"

namespace gorgon::web {

class RunView {
 public:
  /// `past`: earlier runs.
  RunView(history::RunSummary run, report::Past past);

  enum class State {
    kGoesOn,
    kCutOff,  ///< Nobody records it any more, and it has no end; `gorgon resume` may take it up.
    kOver,
    kGone,  ///< It is recorded no more.
  };
  /// Reads what is new. `is_running`: its originator is alive. An error leaves what was read.
  [[nodiscard]] Result<void> refresh(history::Store& store, bool is_running);

  /// The whole record has gone.
  void forget();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& job() const { return run_.job; }
  [[nodiscard]] std::int64_t number() const { return run_.number; }
  /// JSON as report/html_records.cc has it.
  [[nodiscard]] std::string head() const;
  [[nodiscard]] const std::vector<std::string>& records() const { return records_; }
  /// Another one for each view, and when the record was begun anew: the records before have nothing
  /// to do with those now.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// Grows with every change that a reader may want to see.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  void add(const results::RunEvent& event);
  void begin_anew();

  history::RunSummary run_;
  report::Past past_;
  history::Bookmark bookmark_;
  report::RunHead head_;
  report::Summary summary_;
  report::TextBudget budget_;
  std::deque<results::Unit> units_;  ///< The summary holds on to their names.
  std::vector<std::string> records_;
  State state_ = State::kGoesOn;
  std::uint64_t generation_ = 0;
  std::uint64_t version_ = 1;
};

}  // namespace gorgon::web
