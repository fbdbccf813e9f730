#include "cli/status_text.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "protocol/messages.h"
#include "report/display_text.h"
#include "report/look.h"
#include "web/cluster_status.h"

namespace gorgon::cli {

namespace {

using protocol::HostedJob;
using protocol::JobStatus;
using protocol::ListenerStatus;
using protocol::WorkerStatus;
using report::painted;
using report::safe_line;
using report::seconds_text;
using report::Style;

/// A case is shown when so much of its name can be.
constexpr std::size_t kLeastCaseColumns = 12;

class StatusWriter {
 public:
  StatusWriter(const report::Look& look, std::size_t columns)
      : look_(look), columns_(columns), mark_(look.unicode ? "…" : "...") {}

  [[nodiscard]] std::string take() { return std::move(text_); }

  void line(std::string_view text, Style style = Style::kPlain) {
    text_ += painted(look_, style, report::cut_end(text, columns_, mark_)) + "\n";
  }

  void job(const JobStatus& job) {
    head(job.job, job.project, job.originator, seconds_text(job.seconds));
    std::string progress = fmt::format("  {} of {} done", job.done, count_of(job.units, "file"));
    if (job.failed > 0) progress += fmt::format(", {} failed", job.failed);
    if (job.running > 0) progress += fmt::format(", {} running", job.running);
    line(progress, job.failed > 0 ? Style::kRed : Style::kPlain);
    if (!job.waiting_for.empty()) line("  waits " + safe_line(job.waiting_for), Style::kYellow);
  }

  void silent_job(const HostedJob& job) {
    head(job.job, job.project, job.originator, "");
    line("  the gorgon that started it does not answer", Style::kYellow);
  }

  void machine(const ListenerStatus& machine, bool with_jobs) {
    std::vector<std::string> parts = {
        safe_line(machine.host),
        fmt::format("{}, {} free", count_of(machine.slots, "slot"), machine.free_slots),
        safe_line(machine.version)};
    if (!machine.cluster.empty()) parts.push_back("cluster " + safe_line(machine.cluster));
    line(report::joined(parts, "  "), Style::kBold);
    if (machine.is_reserved) line("  says only to trusted keys what it runs", Style::kDim);
    for (const HostedJob& job : machine.jobs) {
      if (job.state == HostedJob::State::kPreparing) line("  prepares " + safe_line(job.job));
    }
    for (const WorkerStatus& worker : machine.workers) this->worker(worker, with_jobs);
  }

 private:
  void head(const std::string& job, const std::string& project, const std::string& originator,
            const std::string& age) {
    line(report::joined({safe_line(job), safe_line(project), safe_line(originator), age}, "  "),
         Style::kBold);
  }

  /// Where it is narrow, the case goes first, then the begin of the path.
  void worker(const WorkerStatus& worker, bool with_job) {
    const std::string slot = report::pad_left(std::to_string(worker.slot), 3);
    const std::string start = with_job ? slot + "  " + safe_line(worker.job) : slot;
    if (worker.file.empty()) return line(start + "  nothing in hand", Style::kDim);
    std::string file = safe_line(worker.file);
    const std::string age = "  " + seconds_text(worker.seconds);
    const std::size_t others = report::columns_of(start) + 2 + report::columns_of(age);
    file = report::cut_start(file, columns_ > others ? columns_ - others : 0, mark_);
    std::string text = start;
    text += "  " + file + age;
    const std::size_t taken = report::columns_of(text) + 2;
    if (!worker.running_case.empty() && taken + kLeastCaseColumns <= columns_)
      text += "  " + safe_line(worker.running_case);
    line(text);
  }

  const report::Look& look_;
  std::size_t columns_;
  std::string_view mark_;
  std::string text_;
};

}  // namespace

std::string status_text(const web::ClusterStatus& status, const report::Look& look,
                        std::size_t columns) {
  StatusWriter out(look, columns);
  const auto silent = web::silent_jobs(status);
  const std::size_t jobs = status.jobs.size() + silent.size();
  for (const JobStatus& job : status.jobs) out.job(job);
  for (const HostedJob& job : silent) out.silent_job(job);
  for (const ListenerStatus& machine : status.machines) out.machine(machine, jobs > 1);
  out.line(fmt::format("{}; {}, {}, {} free", count_of(jobs, "job"),
                       count_of(status.machines.size(), "machine"),
                       count_of(web::sum(status.machines, &ListenerStatus::slots), "slot"),
                       web::sum(status.machines, &ListenerStatus::free_slots)));
  return out.take();
}

}  // namespace gorgon::cli
