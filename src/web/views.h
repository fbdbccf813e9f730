// The pages of `gorgon web`, and their streams: "/" is what happens now and which runs there were,
// "/runs/N" the report of a run, as far as it is; "/events" below each is its stream.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "base/asio.h"
#include "base/result.h"
#include "report/page_shell.h"
#include "web/cluster_feed.h"
#include "web/record_feed.h"
#include "web/site.h"

namespace gorgon::web {

class Views final : public Site {
 public:
  Views(const asio::any_io_executor& executor, ClusterOptions options);

  /// Reads the record, and begins to follow it and the machines.
  [[nodiscard]] Result<void> start();

  [[nodiscard]] std::variant<Page, std::unique_ptr<Stream>> answer(
      const Target& target, const std::string& last_event) override;
  [[nodiscard]] Signal& changed() override { return changed_; }

 private:
  [[nodiscard]] Page now_page();
  [[nodiscard]] Page run_page(const std::string& number);
  [[nodiscard]] Page missing_page(const std::string& reason) const;

  asio::any_io_executor executor_;
  std::string project_;  ///< Its name.
  std::filesystem::path folder_;
  Signal changed_;
  RecordFeed record_;
  ClusterFeed cluster_;
  report::PageShell now_shell_;
  report::PageShell run_shell_;
};

}  // namespace gorgon::web
