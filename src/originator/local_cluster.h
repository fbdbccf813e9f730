// A whole cluster on this machine for one run: the embedded broker and a private listener, gone
// with the run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "broker/broker.h"
#include "broker/embedded/server.h"

namespace gorgon::originator {

class LocalCluster {
 public:
  /// Starts broker and listener; the listener announces itself when it is ready.
  [[nodiscard]] static Result<std::unique_ptr<LocalCluster>> start(
      const asio::any_io_executor& executor, std::size_t slots, std::filesystem::path log_file);
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;
  ~LocalCluster();

  [[nodiscard]] broker::Address address() const;
  /// The broker's.
  [[nodiscard]] const std::filesystem::path& socket() const { return broker_->address().socket; }
  /// Nullopt while the listener runs or is started again; otherwise how it ended.
  [[nodiscard]] std::optional<ExitStatus> failed() const;
  /// Lets the listener end and clean up; kills it after a few seconds.
  [[nodiscard]] Task<void> stop();

 private:
  LocalCluster(asio::any_io_executor executor, std::size_t slots, std::filesystem::path log_file,
               TempDir directory)
      : executor_(std::move(executor)),
        slots_(slots),
        log_file_(std::move(log_file)),
        directory_(std::move(directory)),
        ended_(executor_) {}
  [[nodiscard]] Result<void> start_listener();
  static Task<void> watch_listener(std::shared_ptr<LocalCluster*> self);

  asio::any_io_executor executor_;
  std::size_t slots_;
  std::filesystem::path log_file_;
  TempDir directory_;
  std::unique_ptr<broker::embedded::EmbeddedBroker> broker_;
  std::shared_ptr<Subprocess> listener_;
  std::shared_ptr<LocalCluster*> alive_ = std::make_shared<LocalCluster*>(this);
  Signal ended_;
  int starts_ = 0;
  bool is_stopping_ = false;
  std::optional<ExitStatus> ended_with_;  ///< Set when the listener has ended for good.
};

}  // namespace gorgon::originator
