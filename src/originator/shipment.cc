#include "originator/shipment.h"

#include <utility>

namespace gorgon::originator {

Task<Result<Shipment>> Shipment::send(ShipmentOptions options) {
  Shipment shipment;
  shipment.location_ = {.transport = config::Transport::kNone, .source = options.project.string()};
  co_return shipment;
}

Task<void> Shipment::take_back() { co_return; }

}  // namespace gorgon::originator
