#include "web/server.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
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
#include "base/log.h"
#include "base/result.h"
#include "web/admission.h"
#include "web/site.h"

namespace gorgon::web {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

using Response = http::response<http::string_body>;
using Parser = http::request_parser<http::empty_body>;

/// What a client that was refused may still send before we hang up, so that it reads why.
constexpr std::size_t kMostDrainedBytes = std::size_t{256} * 1024;
constexpr auto kDrainLimit = 1s;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// Of every answer: nothing is kept, guessed, framed or told to others.
template <class Message>
void add_common_headers(Message& response) {
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
}

Response make_response(unsigned status, std::string_view type, std::string body) {
  Response response(static_cast<http::status>(status), 11);
  add_common_headers(response);
  response.set(http::field::content_type, beast::string_view(type.data(), type.size()));
  response.body() = std::move(body);
  return response;
}

Response refusal(unsigned status, std::string_view reason) {
  Response response =
      make_response(status, "text/plain; charset=utf-8", fmt::format("{}\n", reason));
  response.set("Content-Security-Policy", "default-src 'none'");
  if (status == 405) response.set(http::field::allow, "GET");
  response.keep_alive(false);
  response.prepare_payload();
  return response;
}

Response redirection(const Decision& decision) {
  Response response = make_response(decision.status, "text/plain; charset=utf-8", "");
  response.set(http::field::location, decision.location);
  response.set(http::field::set_cookie, decision.cookie);
  response.prepare_payload();
  return response;
}

Response page_response(Page page) {
  Response response = make_response(page.status, "text/html; charset=utf-8", std::move(page.html));
  response.set("Content-Security-Policy", page.policy + "; frame-ancestors 'none'");
  response.prepare_payload();
  return response;
}

/// Of a request that Beast could not read; 0: the client has gone, or was silent for too long.
unsigned status_of(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  const bool is_ours = error.category() == make_error_code(http::error::bad_method).category();
  const bool is_end = error == http::error::end_of_stream || error == http::error::partial_message;
  return is_ours && !is_end ? 400 : 0;
}

/// One connection of a browser.
class Session {
 public:
  Session(tcp::socket socket, const ServerLimits& limits, const Admission& admission, Site& site)
      : stream_(std::move(socket)),
        buffer_(limits.header_bytes + 1024),
        limits_(limits),
        admission_(admission),
        site_(site) {}

  static Task<void> run(std::shared_ptr<Session> self) {
    bool goes_on = true;
    while (goes_on) goes_on = co_await self->serve_one(self);
    self->close();
  }

 private:
  /// False: the connection is of no further use.
  Task<bool> serve_one(std::shared_ptr<Session> self) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    stream_.expires_after(limits_.request);
    const auto [error, bytes] =
        co_await http::async_read_header(stream_, buffer_, parser, as_value);
    if (error) {
      const unsigned status = status_of(error);
      if (status == 0) co_return false;
      std::string_view reason = "That is no request.";
      if (status == 431) reason = "The request's head is too long.";
      co_await refuse(status, reason);
      co_return false;
    }
    co_return co_await answer(std::move(self), parser);
  }

  Task<bool> answer(std::shared_ptr<Session> self, const Parser& parser) {
    const auto& request = parser.get();
    const auto header = [&](http::field field) { return view(request[field]); };
    const Decision decision = admission_.decide({.method = view(request.method_string()),
                                                 .target = view(request.target()),
                                                 .host = header(http::field::host),
                                                 .cookie = header(http::field::cookie)});
    const bool has_body =
        parser.chunked() || (parser.content_length() && *parser.content_length() > 0);
    if (decision.status != 200 && decision.status != 303) {
      co_await refuse(decision.status, decision.reason);
      co_return false;
    }
    if (has_body) {
      co_await refuse(400, "A question has no body.");
      co_return false;
    }
    bool keeps = request.keep_alive();
    if (decision.status == 303) {
      Response response = redirection(decision);
      response.keep_alive(keeps);
      const bool is_written = co_await write(response);
      co_return is_written&& keeps;
    }
    const std::string last_id(view(request["Last-Event-ID"]));
    auto found = site_.answer(Target::parse(view(request.target())), last_id);
    if (auto* events = std::get_if<std::unique_ptr<Stream>>(&found)) {
      co_await tell(std::move(self), std::move(*events));
      co_return false;
    }
    Response response = page_response(std::get<Page>(std::move(found)));
    response.keep_alive(keeps);
    const bool is_written = co_await write(response);
    co_return is_written&& keeps;
  }

  /// Whoever takes nothing for a while is given up.
  Task<bool> write(Response& response) {
    http::response_serializer<http::string_body> serializer(response);
    while (!serializer.is_done()) {
      stream_.expires_after(limits_.progress);
      const auto [error, bytes] = co_await http::async_write_some(stream_, serializer, as_value);
      if (error) co_return false;
    }
    co_return true;
  }

  Task<bool> write(std::string text) {
    std::size_t written = 0;
    while (written < text.size()) {
      stream_.expires_after(limits_.progress);
      const auto rest = asio::buffer(text) + written;
      const auto [error, bytes] = co_await stream_.async_write_some(rest, as_value);
      if (error) co_return false;
      written += bytes;
    }
    co_return true;
  }

  Task<void> refuse(unsigned status, std::string_view reason) {
    Response response = refusal(status, reason);
    const bool is_written = co_await write(response);
    if (!is_written) co_return;
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    std::array<char, 4096> rest{};
    std::size_t drained = 0;
    stream_.expires_after(kDrainLimit);
    while (drained < kMostDrainedBytes) {
      const auto buffer = asio::buffer(rest);
      const auto [error, bytes] = co_await stream_.async_read_some(buffer, as_value);
      if (error) co_return;
      drained += bytes;
    }
  }

  /// Events until one side has had enough.
  Task<void> tell(std::shared_ptr<Session> self, std::unique_ptr<Stream> events) {
    http::response<http::empty_body> head(http::status::ok, 11);
    add_common_headers(head);
    head.set(http::field::content_type, "text/event-stream");
    head.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(head);
    stream_.expires_after(limits_.progress);
    const auto [error, bytes] = co_await http::async_write_header(stream_, serializer, as_value);
    if (error) co_return;
    spawn(stream_.get_executor(), watch(self));
    while (!is_gone_) {
      std::optional<std::string> text = events->next();
      if (!text) break;
      if (text->empty()) {
        co_await site_.changed().wait();
        continue;
      }
      const bool is_written = co_await write(*std::move(text));
      if (!is_written) break;
    }
  }

  /// A browser that has gone is not written to, and so is noticed here. What it sends after its
  /// question is nothing that we asked for.
  static Task<void> watch(std::shared_ptr<Session> self) {
    std::array<char, 64> byte{};
    const auto buffer = asio::buffer(byte);
    // Not by the stream, whose clock is that of the writer.
    co_await self->stream_.socket().async_read_some(buffer, as_value);
    self->is_gone_ = true;
    self->site_.changed().notify();
  }

  /// What a slow client has not taken is not kept for it.
  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  const ServerLimits& limits_;
  const Admission& admission_;
  Site& site_;
  bool is_gone_ = false;
};

}  // namespace

struct Server::State {
  State(tcp::acceptor bound, ServerLimits given) : acceptor(std::move(bound)), limits(given) {}

  static Task<void> accept(std::shared_ptr<State> self, const Admission& admission, Site& site) {
    for (;;) {
      auto [error, socket] = co_await self->acceptor.async_accept(as_value);
      if (error) {
        // Out of descriptors, as a rule: others end meanwhile.
        log::warning("cannot take a connection: {}", error.message());
        co_await sleep_for(100ms);
        continue;
      }
      if (self->open == self->limits.connections) {
        turn_away(socket);
        continue;
      }
      auto session = std::make_shared<Session>(std::move(socket), self->limits, admission, site);
      spawn(self->acceptor.get_executor(), count(self, std::move(session)));
    }
  }

  static Task<void> count(std::shared_ptr<State> self, std::shared_ptr<Session> session) {
    ++self->open;
    co_await Session::run(std::move(session));
    --self->open;
  }

  /// Its answer fits into any socket's buffer.
  static void turn_away(tcp::socket& socket) {
    constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    (void)::send(socket.native_handle(), kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  tcp::acceptor acceptor;
  ServerLimits limits;
  std::size_t open = 0;
};

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::listen(const asio::any_io_executor& executor, std::uint16_t port,
                              ServerLimits limits) {
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  tcp::acceptor acceptor(executor);
  beast::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot listen on 127.0.0.1:{}: {}; without --port one that is free "
                            "is taken",
                            port, error.message()));
  }
  return Server(std::make_shared<State>(std::move(acceptor), limits));
}

std::uint16_t Server::port() const {
  beast::error_code error;
  return state_->acceptor.local_endpoint(error).port();
}

void Server::start(const Admission& admission, Site& site) {
  spawn(state_->acceptor.get_executor(), State::accept(state_, admission, site));
}

}  // namespace gorgon::web
