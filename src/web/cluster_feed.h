// What machines and originators do now, asked of each broker that has to do with the project: that
// of its configuration, and those that its local runs have for themselves. It asks when something
// on the broker, or in the project, says that things have changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/signature.h"
#include "broker/broker.h"

namespace gorgon::web {

struct ClusterOptions {
  std::filesystem::path project;
  std::optional<broker::Address> address;  ///< Nullopt: local runs alone.
  std::string cluster;
  std::optional<PrivateKey> signing_key;  ///< Machines with trusted keys say more to them.
};

class ClusterFeed {
 public:
  /// `changed` is notified when status_json() has changed. Both live until the event loop has
  /// ended.
  ClusterFeed(const asio::any_io_executor& executor, ClusterOptions options, Signal& changed);
  ClusterFeed(const ClusterFeed&) = delete;
  ClusterFeed& operator=(const ClusterFeed&) = delete;
  ~ClusterFeed();

  void start();
  /// The project's runs have changed: there may be another broker, and other answers.
  void touch();
  /// For each browser, for as long as it looks on: without any of them nobody is asked anything.
  [[nodiscard]] std::shared_ptr<const void> watch();
  /// While nobody looks on, answers grow old: from here on status_json() has none but new ones.
  void forget_if_unwatched();

  /// As `gorgon status --json`, with `brokers` (`name`, `is_local`, `problem`, `is_asked`: it is
  /// about to answer, and nothing of it is there yet) and `silent` (names of machines that did not
  /// answer the last time).
  [[nodiscard]] const std::string& status_json() const { return json_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  struct Line;
  [[nodiscard]] Task<void> keep(std::shared_ptr<Line> line);
  [[nodiscard]] Task<Error> serve(std::shared_ptr<Line> line);
  [[nodiscard]] Task<void> ask(std::shared_ptr<Line> line,
                               std::shared_ptr<broker::Connection> connection, std::string queue);
  [[nodiscard]] bool is_watched() const { return browsers_.use_count() > 1; }
  void add(broker::Address address, bool is_local);
  void take(Line& line, const broker::Delivery& delivery);
  void conclude(Line& line, std::uint64_t forgotten);
  void publish();

  asio::any_io_executor executor_;
  ClusterOptions options_;
  Signal& changed_;
  Signal wanted_;
  std::uint64_t touched_ = 0;
  std::uint64_t forgotten_ = 0;
  std::shared_ptr<const void> browsers_ = std::make_shared<int>();  ///< And one owner a browser.
  std::vector<std::shared_ptr<Line>> lines_;
  std::string json_;
  std::uint64_t version_ = 0;
};

}  // namespace gorgon::web
