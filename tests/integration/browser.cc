#include "browser.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/asio.h"
#include "base/json.h"
#include "base/text.h"
#include "harness.h"
#include "program.h"

namespace gorgon::test {

namespace {

using asio::ip::tcp;
using std::string;

constexpr auto kLimit = 60s;
constexpr const char* kListening = "DevTools listening on ws://127.0.0.1:";

}  // namespace

struct Browser::Connection {
  using Socket = boost::beast::websocket::stream<tcp::socket>;

  /// Waits for one asynchronous call; `begin` gives its handler to it.
  template <class Begin>
  bool wait_until_done(Begin begin) {
    std::optional<boost::system::error_code> done;
    begin([&](boost::system::error_code error, auto&&...) { done = error; });
    io.restart();
    const auto end = std::chrono::steady_clock::now() + kLimit;
    while (!done && io.run_one_until(end) > 0) {
    }
    const bool is_good = done && !*done;
    EXPECT_TRUE(is_good) << "the browser does not answer: " << (done ? done->message() : "timeout");
    return is_good;
  }

  void connect(std::uint16_t port, const string& path) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    const bool is_there = wait_until_done(
        [&](auto handler) { socket.next_layer().async_connect(endpoint, std::move(handler)); });
    socket.read_message_max(std::size_t{64} * 1024 * 1024);
    if (is_there) {
      is_open = wait_until_done([&](auto handler) {
        socket.async_handshake("127.0.0.1:" + std::to_string(port), path, std::move(handler));
      });
    }
  }

  Json call(const string& method, Json parameters = Json::object()) {
    if (!is_open) return {};
    Json message = {{"id", ++last_id}, {"method", method}, {"params", std::move(parameters)}};
    if (!session.empty()) message["sessionId"] = session;
    const string text = dump_json(message);
    is_open = wait_until_done(
        [&](auto handler) { socket.async_write(asio::buffer(text), std::move(handler)); });
    while (is_open) {
      const Json answer = next();
      if (answer.value("id", 0) == last_id) return answer.value("result", Json::object());
    }
    return {};
  }

  Json next() {
    boost::beast::flat_buffer buffer;
    is_open = wait_until_done([&](auto handler) { socket.async_read(buffer, std::move(handler)); });
    const string text(static_cast<const char*>(buffer.data().data()), buffer.size());
    Json message = parse_json(text).value_or(Json::object());
    const string method = message.value("method", "");
    if (method == "Runtime.exceptionThrown" || method == "Log.entryAdded")
      errors += dump_json(message["params"]) + "\n";
    if (method == "Page.loadEventFired") ++loads;
    return message;
  }

  asio::io_context io;
  Socket socket{io};
  Program* program = nullptr;
  int last_id = 0;
  int loads = 0;
  string session;
  string errors;
  bool is_open = false;
};

bool Browser::is_here(Cluster& cluster) {
  return cluster.other_program({"sh", "-c", "command -v chromium"}, cluster.folder()).exit_code ==
         0;
}

Browser::Browser(Cluster& cluster) : connection_(std::make_unique<Connection>()) {
  Program& program = cluster.start_program(
      {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
       "--no-first-run", "--disable-background-networking", "--disable-component-update",
       "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad",
       "--user-data-dir=" + (cluster.folder() / "browser").string(), "--remote-debugging-port=0",
       "about:blank"},
      cluster.folder());
  connection_->program = &program;
  string line;
  EXPECT_TRUE(eventually(kLimit, [&] {
    const string errors = program.errors();
    const std::size_t at = errors.find(kListening);
    if (at == string::npos || errors.find('\n', at) == string::npos) return false;
    const std::size_t from = at + string(kListening).size();
    line = errors.substr(from, errors.find('\n', at) - from);
    return true;
  })) << program.errors();
  const std::size_t slash = line.find('/');
  if (slash == string::npos) return;
  connection_->connect(gorgon::number_of<std::uint16_t>(line.substr(0, slash)).value_or(0),
                       line.substr(slash));
  const Json target = connection_->call("Target.createTarget", {{"url", "about:blank"}});
  const Json attached = connection_->call(
      "Target.attachToTarget", {{"targetId", target.value("targetId", "")}, {"flatten", true}});
  connection_->session = attached.value("sessionId", "");
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable"})
    (void)connection_->call(domain);
}

Browser::~Browser() {
  connection_->session.clear();
  (void)connection_->call("Browser.close");
  EXPECT_TRUE(connection_->program->wait(kLimit));
}

void Browser::go(const string& url) {
  const int loads = connection_->loads;
  (void)connection_->call("Page.navigate", {{"url", url}});
  while (connection_->is_open && connection_->loads == loads) (void)connection_->next();
}

string Browser::value(const string& expression) {
  const Json answer = connection_->call(
      "Runtime.evaluate", {{"expression", "String(" + expression + ")"}, {"returnByValue", true}});
  return answer.value("result", Json::object()).value("value", "no value");
}

void Browser::wait_for(const string& expression) {
  const bool came =
      eventually(kLimit, [&] { return !connection_->is_open || value(expression) == "true"; });
  EXPECT_TRUE(came && connection_->is_open) << expression << "\n"
                                            << value("document.body.innerText") << errors();
}

const string& Browser::errors() const { return connection_->errors; }

}  // namespace gorgon::test
