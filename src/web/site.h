// What stands behind the server: pages, and streams of events. Knows nothing of HTTP but the
// status; the server knows nothing of runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/asio.h"
#include "web/admission.h"

namespace gorgon::web {

struct Page {
  unsigned status = 200;
  std::string html;
  std::string policy;  ///< A Content-Security-Policy.
};

/// Server-sent events for one browser, made when it can take them: one that reads slowly is told
/// less often, and costs no memory.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;
  /// What is new since the last call, as text/event-stream has it. Empty: nothing, until
  /// Site::changed(). Nullopt: the stream is over.
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
};

class Site {
 public:
  Site() = default;
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  virtual ~Site() = default;
  /// To somebody who may ask. `last_event` is what the browser gives back when it opens a stream
  /// again: the last event's id.
  [[nodiscard]] virtual std::variant<Page, std::unique_ptr<Stream>> answer(
      const Target& target, const std::string& last_event) = 0;
  /// Notified when a stream may have something to tell.
  [[nodiscard]] virtual Signal& changed() = 0;
};

}  // namespace gorgon::web
