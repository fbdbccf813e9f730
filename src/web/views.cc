#include "web/views.h"

#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/embedded_file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/version.h"
#include "report/page_shell.h"
#include "web/admission.h"
#include "web/cluster_feed.h"
#include "web/folder_watch.h"
#include "web/page_files.h"
#include "web/record_feed.h"
#include "web/run_view.h"
#include "web/site.h"

namespace gorgon::web {

namespace {

using namespace std::chrono_literals;

/// A transaction is several writes, and seen a moment after the last of them.
constexpr auto kSettle = 60ms;
constexpr auto kSecondLook = 250ms;
/// Of a message: more records come in the next one.
constexpr std::size_t kMostMessageBytes = std::size_t{1} * 1024 * 1024;

std::string page_part(std::string_view ending) {
  std::string text;
  for (const EmbeddedFile& file : page_files()) {
    if (file.name.ends_with(ending)) text += file.bytes;
  }
  return text;
}

report::PageShell shell(const std::string& title, std::string_view start) {
  const std::string style = page_part(".css");
  const std::string script = page_part(".js");
  return report::page_shell(
      {.title = title, .style = style, .script = script, .start = start, .may_connect = true});
}

std::string message(std::string_view event, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", event, data);
}

/// As it may stand in a script of a page.
std::string in_script(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

/// The message "status", when the machines have said something new.
class StatusNews {
 public:
  explicit StatusNews(ClusterFeed& cluster) : cluster_(cluster), watching_(cluster.watch()) {}
  std::string next() {
    if (told_ == cluster_.version()) return {};
    told_ = cluster_.version();
    return message("status", cluster_.status_json());
  }

 private:
  ClusterFeed& cluster_;
  std::shared_ptr<const void> watching_;
  std::uint64_t told_ = 0;
};

std::string record_json(const RecordFeed& record) {
  return fmt::format(R"({{"problem":{},"runs":{}}})", dump_json(record.problem()),
                     record.runs_json());
}

class NowStream final : public Stream {
 public:
  NowStream(RecordFeed& record, ClusterFeed& cluster) : record_(record), status_(cluster) {}

  std::optional<std::string> next() override {
    std::string text = status_.next();
    if (told_ != record_.version()) {
      told_ = record_.version();
      text += message("runs", record_json(record_));
    }
    return text;
  }

 private:
  RecordFeed& record_;
  StatusNews status_;
  std::uint64_t told_ = 0;
};

/// Where a browser is in the records of a run: "GENERATION-COUNT", as it is told with each message.
struct Position {
  std::uint64_t generation = 0;
  std::size_t count = 0;

  static Position parse(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return {};
    return {.generation = number_of<std::uint64_t>(text.substr(0, dash)).value_or(0),
            .count = number_of<std::size_t>(text.substr(dash + 1)).value_or(0)};
  }
};

class RunStream final : public Stream {
 public:
  RunStream(std::shared_ptr<RunView> run, ClusterFeed& cluster, Position position)
      : run_(std::move(run)), status_(cluster), at_(position) {}

  std::optional<std::string> next() override {
    if (is_over_) return std::nullopt;
    std::string text = status_.next();
    if (told_ == run_->version()) return text;
    return text + news();
  }

 private:
  std::string news() {
    const auto& records = run_->records();
    if (at_.generation != run_->generation() || at_.count > records.size())
      at_ = {.generation = run_->generation(), .count = 0};
    std::string list;
    const std::size_t from = at_.count;
    while (at_.count < records.size() && list.size() < kMostMessageBytes)
      list += (list.empty() ? "" : ",") + records[at_.count++];
    const bool has_all = at_.count == records.size();
    if (has_all) told_ = run_->version();
    const RunView::State state = run_->state();
    is_over_ = has_all && (state == RunView::State::kOver || state == RunView::State::kGone);
    return fmt::format(
        "id: {}-{}\nevent: run\ndata: {{\"from\":{},\"over\":{},\"head\":{},"
        "\"records\":[{}]}}\n\n",
        at_.generation, at_.count, from, is_over_, run_->head(), list);
  }

  std::shared_ptr<RunView> run_;
  StatusNews status_;
  Position at_;
  std::uint64_t told_ = 0;
  bool is_over_ = false;
};

/// All of them live until the event loop has ended.
Task<void> follow(FolderWatch watch, RecordFeed& record, ClusterFeed& cluster, Signal& changed) {
  for (;;) {
    const auto news = co_await watch.next();
    if (!news) {
      log::warning("the pages are not kept up to date: {}", news.error().message);
      co_return;
    }
    co_await sleep_for(kSettle);
    const bool has_news = record.refresh();
    cluster.touch();
    changed.notify();
    if (has_news) continue;
    co_await sleep_for(kSecondLook);
    (void)record.refresh();
    changed.notify();
  }
}

}  // namespace

Views::Views(const asio::any_io_executor& executor, ClusterOptions options)
    : executor_(executor),
      project_(options.project.filename().string()),
      folder_(options.project),
      changed_(executor),
      record_(options.project),
      cluster_(executor, std::move(options), changed_),
      now_shell_(shell(fmt::format("gorgon: {}", project_), "showNow")),
      run_shell_(shell(fmt::format("gorgon: {}", project_), "showLiveRun")) {}

Result<void> Views::start() {
  GORGON_TRY_ASSIGN(FolderWatch watch, FolderWatch::make(executor_, folder_));
  (void)record_.refresh();
  cluster_.start();
  spawn(executor_, follow(std::move(watch), record_, cluster_, changed_));
  return {};
}

std::variant<Page, std::unique_ptr<Stream>> Views::answer(const Target& target,
                                                          const std::string& last_event) {
  if (target.path == "/") return now_page();
  if (target.path == "/events") return std::make_unique<NowStream>(record_, cluster_);
  constexpr std::string_view kRuns = "/runs/";
  constexpr std::string_view kEvents = "/events";
  if (!target.path.starts_with(kRuns)) return missing_page("There is no such page.");
  std::string number = target.path.substr(kRuns.size());
  if (!number.ends_with(kEvents)) return run_page(number);
  number.resize(number.size() - kEvents.size());
  auto run = record_.view(number);
  if (!run) return missing_page(run.error().message);
  const std::string_view position = last_event.empty() ? target["from"] : last_event;
  return std::make_unique<RunStream>(*std::move(run), cluster_, Position::parse(position));
}

Page Views::now_page() {
  cluster_.forget_if_unwatched();
  const std::string data =
      fmt::format(R"({{"project":{},"version":{},"status":{},"record":{}}})", dump_json(project_),
                  dump_json(kVersion), cluster_.status_json(), record_json(record_));
  return {.html = now_shell_.before + in_script(data) + now_shell_.after,
          .policy = now_shell_.policy};
}

Page Views::missing_page(const std::string& reason) const {
  const std::string data = fmt::format(R"({{"project":{},"version":{},"missing":{}}})",
                                       dump_json(project_), dump_json(kVersion), dump_json(reason));
  return {.status = 404,
          .html = now_shell_.before + in_script(data) + now_shell_.after,
          .policy = now_shell_.policy};
}

Page Views::run_page(const std::string& number) {
  auto found = record_.view(number);
  if (!found) return missing_page(found.error().message);
  const RunView& run = **found;
  cluster_.forget_if_unwatched();
  std::string html = fmt::format(
      R"({}{{"project":{},"number":{},"over":{},"position":"{}-{}","status":{},"head":{},"records":[)",
      run_shell_.before, in_script(dump_json(project_)), run.number(),
      run.state() == RunView::State::kOver, run.generation(), run.records().size(),
      in_script(cluster_.status_json()), run.head());
  for (std::size_t i = 0; i < run.records().size(); ++i)
    html += (i == 0 ? "\n" : ",\n") + run.records()[i];
  html += "\n]}" + run_shell_.after;
  return {.html = std::move(html), .policy = run_shell_.policy};
}

}  // namespace gorgon::web
