#include "web/web.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "base/result.h"
#include "base/secret.h"
#include "web/admission.h"
#include "web/server.h"
#include "web/views.h"

namespace gorgon::web {

Result<void> serve(WebOptions options) {
  boost::asio::io_context io(1);
  GORGON_TRY_ASSIGN(Server server, Server::listen(io.get_executor(), options.port));
  const Admission admission(random_secret(), server.port());
  Views views(io.get_executor(), std::move(options.cluster));
  GORGON_TRY(views.start());
  server.start(admission, views);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  signals.async_wait([&](const auto& /*error*/, int /*signal*/) { io.stop(); });
  options.ready(admission.url());
  io.run();
  return {};
}

}  // namespace gorgon::web
