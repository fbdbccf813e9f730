#include "originator/shipment.h"

#include <memory>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "config/project_config.h"
#include "sync/direct_server.h"
#include "sync/snapshot.h"
#include "sync/source_tree.h"
#include "sync/tree_digest.h"

namespace gorgon::originator {

Task<Result<Shipment>> Shipment::send(ShipmentOptions options) {
  Shipment shipment;
  const config::Sync& sync = options.config.job.sync;
  if (options.is_local || sync.transport == config::Transport::kNone) {
    const std::string place = sync.source_tree_path.empty() || options.is_local
                                  ? options.project.string()
                                  : sync.source_tree_path;
    shipment.location_ = {.transport = config::Transport::kNone, .source = place};
    co_return shipment;
  }
  // Named, not the default argument: GCC 12 destroys a temporary aggregate in a co_await expression
  // twice.
  sync::SnapshotOptions where;
  GORGON_CO_TRY_ASSIGN(sync::Stage stage,
                       co_await sync::take_snapshot(options.project, sync, std::move(where)));
  shipment.stage_ = std::make_unique<sync::Stage>(std::move(stage));
  if (options.needs_digest) {
    GORGON_CO_TRY_ASSIGN(shipment.tree_digest_,
                         co_await sync::tree_digest(shipment.stage_->tree()));
  }
  if (sync.transport == config::Transport::kDirect) {
    sync::DirectServerOptions server{.bind_address = sync.bind_address,
                                     .broker_host = options.config.connection->host,
                                     .compress = sync.compress};
    GORGON_CO_TRY_ASSIGN(shipment.server_,
                         co_await sync::DirectServer::start(*shipment.stage_, std::move(server)));
    shipment.location_ = shipment.server_->location();
    co_return shipment;
  }
  shipment.location_ = sync::file_server_location(options.config, options.job);
  GORGON_CO_TRY(co_await sync::push(shipment.stage_->tree(), shipment.location_));
  shipment.is_pushed_ = true;
  shipment.stage_.reset();  // The machines pull from the file server from now on.
  co_return shipment;
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

Task<void> Shipment::take_back() {
  server_.reset();
  stage_.reset();
  if (!is_pushed_) co_return;
  is_pushed_ = false;
  const auto removed = co_await sync::remove_pushed(location_);
  if (!removed) log::warning("{}", removed.error().message);
}

}  // namespace gorgon::originator
