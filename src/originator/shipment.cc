#include "originator/shipment.h"

#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "config/project_config.h"
#include "config/source_location.h"
#include "sync/direct_server.h"
#include "sync/scratch.h"
#include "sync/snapshot.h"
#include "sync/source_tree.h"
#include "sync/tree_digest.h"

namespace gorgon::originator {

namespace {

/// Where tests run in place; nullopt: the tree travels.
std::optional<config::SourceLocation> in_place(const ShipmentOptions& options) {
  const config::Sync& sync = options.config.job.sync;
  if (!options.is_local && sync.transport != config::Transport::kNone) return std::nullopt;
  const std::string place = sync.source_tree_path.empty() || options.is_local
                                ? options.project.string()
                                : sync.source_tree_path;
  return config::SourceLocation{.transport = config::Transport::kNone, .source = place};
}

}  // namespace

Task<Result<Shipment>> Shipment::send(ShipmentOptions options) {
  Shipment shipment;
  if (auto place = in_place(options)) {
    shipment.location_ = *std::move(place);
    co_return shipment;
  }
  const config::Sync& sync = options.config.job.sync;
  // Named, not the default argument: GCC 12 destroys a temporary aggregate in a co_await expression
  // twice.
  const auto began = std::chrono::steady_clock::now();
  sync::SnapshotOptions where;
  GORGON_CO_TRY_ASSIGN(sync::Stage stage,
                       co_await sync::take_snapshot(options.project, sync, std::move(where)));
  shipment.stage_ = std::make_unique<sync::Stage>(std::move(stage));
  if (options.needs_digest) {
    GORGON_CO_TRY_ASSIGN(shipment.tree_digest_,
                         co_await sync::tree_digest(shipment.stage_->tree()));
  }
  const auto staged = std::chrono::steady_clock::now();
  shipment.staging_time_ = staged - began;
  if (sync.transport == config::Transport::kDirect) {
    GORGON_CO_TRY(co_await shipment.serve(std::move(options)));
    co_return shipment;
  }
  shipment.location_ = sync::file_server_location(options.config, options.job);
  GORGON_CO_TRY(co_await sync::push(shipment.stage_->tree(), shipment.location_));
  shipment.push_time_ = std::chrono::steady_clock::now() - staged;
  shipment.is_pushed_ = true;
  shipment.generation_ = shipment.stage_->generation();
  // The machines pull from the file server from now on.
  co_await shipment.stage_->put_by();
  shipment.stage_.reset();
  co_return shipment;
}

Task<Result<void>> Shipment::serve(ShipmentOptions options) {
  sync::DirectServerOptions server{.bind_address = options.config.job.sync.bind_address,
                                   .broker_host = options.config.connection->host,
                                   .compress = options.config.job.sync.compress};
  GORGON_CO_TRY_ASSIGN(server_, co_await sync::DirectServer::start(*stage_, std::move(server)));
  location_ = server_->location();
  generation_ = stage_->generation();
  co_return Result<void>();
}

Task<Result<Shipment>> Shipment::take_up(ShipmentOptions options, std::filesystem::path stage,
                                         std::string tree_digest) {
  Shipment shipment;
  shipment.tree_digest_ = std::move(tree_digest);
  if (auto place = in_place(options)) {
    shipment.location_ = *std::move(place);
    co_return shipment;
  }
  if (options.config.job.sync.transport != config::Transport::kDirect) {
    shipment.location_ = sync::file_server_location(options.config, options.job);
    shipment.is_pushed_ = true;
    co_return shipment;
  }
  GORGON_CO_TRY_ASSIGN(sync::Scratch scratch, sync::Scratch::take_over(stage));
  shipment.stage_ = std::make_unique<sync::Stage>(std::move(scratch));
  auto serving = co_await shipment.serve(std::move(options));
  if (serving) co_return shipment;
  shipment.leave();
  co_return std::unexpected(std::move(serving).error());
}

Task<void> Shipment::remove_partial(ShipmentOptions options) {
  const auto transport = options.config.job.sync.transport;
  const bool is_pushing =
      transport == config::Transport::kAnonymous || transport == config::Transport::kSsh;
  if (options.is_local || !is_pushing) co_return;
  config::SourceLocation location = sync::file_server_location(options.config, options.job);
  const auto removed = co_await sync::remove_pushed(std::move(location));
  if (!removed) log::info("{}", removed.error().message);  // There may be nothing.
}

Result<void> Shipment::keep_while(const std::filesystem::path& journal) {
  return stage_ ? stage_->keep_while(journal) : Result<void>();
}

void Shipment::leave() {
  server_.reset();
  if (stage_) stage_->leave();
  stage_.reset();
}

Task<void> Shipment::take_back() {
  server_.reset();
  if (stage_) co_await stage_->put_by();
  stage_.reset();
  if (!is_pushed_) co_return;
  is_pushed_ = false;
  const auto removed = co_await sync::remove_pushed(location_);
  if (!removed) log::warning("{}", removed.error().message);
}

}  // namespace gorgon::originator
