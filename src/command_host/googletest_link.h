// The two streams of a GoogleTest program that runs, its events and its output, put into one order
// for the GoogleTestReader.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "command_host/googletest_reader.h"

namespace gorgon::command_host {

class GoogleTestLink : public std::enable_shared_from_this<GoogleTestLink> {
 public:
  /// Listens on a port of the loopback device and reads `output`, the end of a pipe, from now on.
  /// What is printed goes on to our standard output. `reader` must live until close() is done. kIo.
  [[nodiscard]] static Result<std::shared_ptr<GoogleTestLink>> open(
      const asio::any_io_executor& executor, UniqueFd output, GoogleTestReader& reader);

  /// "127.0.0.1:PORT", for --gtest_stream_result_to.
  [[nodiscard]] std::string address() const;

  /// After the end of the program and all that it has started: reads what is left, for at most five
  /// seconds.
  [[nodiscard]] static Task<void> close(std::shared_ptr<GoogleTestLink> link);

 private:
  using Tcp = asio::ip::tcp;
  GoogleTestLink(const asio::any_io_executor& executor, UniqueFd output, GoogleTestReader& reader);

  void adopt(Tcp::socket socket);
  void adopt_waiting();
  void read_output(bool is_rest);
  void take_events(std::string_view text);
  static Task<void> accept(std::shared_ptr<GoogleTestLink> self);
  static Task<void> follow_output(std::shared_ptr<GoogleTestLink> self);
  static Task<void> follow_events(std::shared_ptr<GoogleTestLink> self,
                                  std::shared_ptr<Tcp::socket> socket, bool is_first);

  Tcp::acceptor acceptor_;
  asio::posix::stream_descriptor output_;
  GoogleTestReader& reader_;
  std::vector<std::shared_ptr<Tcp::socket>> sockets_;
  std::string line_;  ///< The beginning of one.
  Signal events_end_;
  bool have_events_ended_ = false;
  bool is_over_ = false;
};

}  // namespace gorgon::command_host
