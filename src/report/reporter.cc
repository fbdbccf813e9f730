#include "report/reporter.h"

#include <algorithm>
#include <chrono>
#include <variant>

#include "results/exit_code.h"
#include "results/run_event.h"

namespace gorgon::report {

void Reporters::on(const results::RunEvent& event) {
  for (const auto& file : files_) file->on(event);
  const auto* end = std::get_if<results::RunFinished>(&event);
  if (end != nullptr && end->exit_code == results::kAllPassed && error_of(files_) != 0) {
    results::RunFinished spoilt = *end;
    spoilt.exit_code = results::kOriginatorError;
    spoilt.reason = "a report file could not be written";
    for (const auto& reporter : reporters_) reporter->on(spoilt);
  } else {
    for (const auto& reporter : reporters_) reporter->on(event);
  }
}

void Reporters::tick() {
  for (const auto& file : files_) file->tick();
  for (const auto& reporter : reporters_) reporter->tick();
}

void Reporters::watch(const results::Watched& news) {
  for (const auto& reporter : reporters_) reporter->watch(news);
}

void Reporters::show(View view) {
  for (const auto& reporter : reporters_) reporter->show(view);
}

void Reporters::hide() {
  for (const auto& reporter : reporters_) reporter->hide();
}

bool Reporters::is_live() const {
  return std::ranges::any_of(reporters_, [](const auto& reporter) { return reporter->is_live(); });
}

bool Reporters::flush(std::chrono::milliseconds at_most) {
  bool is_done = true;
  for (const auto& file : files_) is_done = file->flush(at_most) && is_done;
  for (const auto& reporter : reporters_) is_done = reporter->flush(at_most) && is_done;
  return is_done;
}

int Reporters::write_error() const {
  const int error = error_of(files_);
  return error != 0 ? error : error_of(reporters_);
}

int Reporters::error_of(const List& reporters) {
  for (const auto& reporter : reporters) {
    if (const int error = reporter->write_error(); error != 0) return error;
  }
  return 0;
}

}  // namespace gorgon::report
