// HTTP/1.1 on loopback: requests in, pages and streams of events out, with a limit on everything.
// The only folder that includes Boost.Beast.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/asio.h"
#include "base/result.h"
#include "web/admission.h"
#include "web/site.h"

namespace gorgon::web {

struct ServerLimits {
  std::size_t header_bytes = std::size_t{8} * 1024;
  /// Each open page of a browser has one; who comes when all are in use is sent away.
  std::size_t connections = 64;
  /// For the whole head of a request, counted from the end of the last one.
  std::chrono::seconds request{15};
  /// For a browser to take something more of what is written to it.
  std::chrono::seconds progress{10};
};

class Server {
 public:
  /// Listens on 127.0.0.1; port 0: one that is free. kUnavailable: another program has the port.
  [[nodiscard]] static Result<Server> listen(const asio::any_io_executor& executor,
                                             std::uint16_t port, ServerLimits limits = {});
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  [[nodiscard]] std::uint16_t port() const;
  /// Starts to serve. Both live until the event loop has ended.
  void start(const Admission& admission, Site& site);

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace gorgon::web
