#include "command_host/googletest_link.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "command_host/googletest_reader.h"
#include "command_host/output.h"

namespace gorgon::command_host {

namespace {

constexpr std::chrono::seconds kEndLimit{5};
/// A message of a test beyond that is dropped, with its event.
constexpr std::size_t kMaxEventBytes = std::size_t{16} * 1024 * 1024;
using Bytes = std::array<char, std::size_t{64} * 1024>;

}  // namespace

GoogleTestLink::GoogleTestLink(const asio::any_io_executor& executor, UniqueFd output,
                               GoogleTestReader& reader)
    : acceptor_(executor),
      output_(executor, output.release()),
      reader_(reader),
      events_end_(executor) {}

Result<std::shared_ptr<GoogleTestLink>> GoogleTestLink::open(const asio::any_io_executor& executor,
                                                             UniqueFd output,
                                                             GoogleTestReader& reader) {
  const std::shared_ptr<GoogleTestLink> link(
      new GoogleTestLink(executor, std::move(output), reader));
  boost::system::error_code error;
  const Tcp::endpoint loopback(asio::ip::address_v4::loopback(), 0);
  // NOLINTBEGIN(bugprone-unused-return-value): `error` has it, too.
  link->acceptor_.open(loopback.protocol(), error);
  if (!error) link->acceptor_.bind(loopback, error);
  if (!error) link->acceptor_.listen(Tcp::acceptor::max_listen_connections, error);
  if (!error) link->output_.native_non_blocking(true, error);
  // NOLINTEND(bugprone-unused-return-value)
  if (error) return fail(ErrorKind::kIo, "cannot listen on 127.0.0.1: " + error.message());
  gorgon::spawn(executor, accept(link));
  gorgon::spawn(executor, follow_output(link));
  return link;
}

std::string GoogleTestLink::address() const {
  boost::system::error_code ignored;
  return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint(ignored).port());
}

/// The program itself comes first. Death tests that start it anew connect, too, and have nothing to
/// tell; a connection that was refused or closed would make them print so.
void GoogleTestLink::adopt(Tcp::socket socket) {
  const bool is_first = sockets_.empty();
  sockets_.push_back(std::make_shared<Tcp::socket>(std::move(socket)));
  gorgon::spawn(acceptor_.get_executor(),
                follow_events(shared_from_this(), sockets_.back(), is_first));
}

Task<void> GoogleTestLink::accept(std::shared_ptr<GoogleTestLink> self) {
  for (;;) {
    auto [error, socket] = co_await self->acceptor_.async_accept(as_value);
    if (error) co_return;
    self->adopt(std::move(socket));
  }
}

Task<void> GoogleTestLink::follow_output(std::shared_ptr<GoogleTestLink> self) {
  for (;;) {
    const auto wait = asio::posix::stream_descriptor::wait_read;
    const auto [error] = co_await self->output_.async_wait(wait, as_value);
    if (error || self->is_over_) co_return;
    int available = 0;
    ::ioctl(self->output_.native_handle(), FIONREAD, &available);
    if (available == 0) co_return;  // All have closed it.
    self->read_output(false);
  }
}

/// What is there now, or, of a program that has ended, all of it.
void GoogleTestLink::read_output(bool is_rest) {
  Bytes bytes;
  int available = 0;
  // No more than that: a program that prints without pause would never be read to the end.
  ::ioctl(output_.native_handle(), FIONREAD, &available);
  while (is_rest || available > 0) {
    const std::size_t most =
        is_rest ? bytes.size() : std::min(bytes.size(), static_cast<std::size_t>(available));
    const ssize_t count = ::read(output_.native_handle(), bytes.data(), most);
    if (count <= 0) return;
    available -= static_cast<int>(count);
    const std::string_view text(bytes.data(), static_cast<std::size_t>(count));
    const std::int64_t offset = output_size();
    print(text);
    reader_.add_output(text, offset);
  }
}

Task<void> GoogleTestLink::follow_events(std::shared_ptr<GoogleTestLink> self,
                                         std::shared_ptr<Tcp::socket> socket, bool is_first) {
  const auto bytes = std::make_unique<Bytes>();
  for (;;) {
    const auto buffer = asio::buffer(*bytes);
    const auto [error, count] = co_await socket->async_read_some(buffer, as_value);
    if (is_first && !self->is_over_) self->take_events({bytes->data(), count});
    if (error) break;
  }
  if (!is_first) co_return;
  self->have_events_ended_ = true;
  self->events_end_.notify();
}

void GoogleTestLink::take_events(std::string_view text) {
  read_output(false);
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;
       text.remove_prefix(end + 1)) {
    line_ += text.substr(0, end);
    if (line_.size() <= kMaxEventBytes) reader_.add_event(line_);
    line_.clear();
  }
  if (line_.size() <= kMaxEventBytes) line_ += text;
}

void GoogleTestLink::adopt_waiting() {
  boost::system::error_code error;
  acceptor_.non_blocking(true, error);  // NOLINT(bugprone-unused-return-value)
  while (!error) {
    Tcp::socket socket(acceptor_.get_executor());
    acceptor_.accept(socket, error);  // NOLINT(bugprone-unused-return-value)
    if (!error) adopt(std::move(socket));
  }
}

Task<void> GoogleTestLink::close(std::shared_ptr<GoogleTestLink> link) {
  link->read_output(true);
  link->adopt_waiting();
  const auto deadline = std::chrono::steady_clock::now() + kEndLimit;
  while (!link->sockets_.empty() && !link->have_events_ended_) {
    const bool is_in_time = co_await link->events_end_.wait_until(deadline);
    if (!is_in_time) break;
  }
  link->is_over_ = true;
  boost::system::error_code ignored;
  link->acceptor_.close(ignored);  // NOLINT(bugprone-unused-return-value)
  link->output_.close(ignored);    // NOLINT(bugprone-unused-return-value)
  for (const auto& socket : link->sockets_)
    socket->close(ignored);  // NOLINT(bugprone-unused-return-value)
}

}  // namespace gorgon::command_host
