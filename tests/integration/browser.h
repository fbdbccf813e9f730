// A headless Chromium with one page that a test looks at while it changes, by the DevTools
// protocol.
#pragma once

#include <memory>
#include <string>

#include "harness.h"

namespace gorgon::test {

/// All calls block the caller's thread; each fails the test when it takes longer than a minute.
class Browser {
 public:
  [[nodiscard]] static bool is_here(Cluster& cluster);
  explicit Browser(Cluster& cluster);
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;
  ~Browser();

  /// Waits until the page is loaded.
  void go(const std::string& url);
  /// The value of a JavaScript expression as text: String(…).
  [[nodiscard]] std::string value(const std::string& expression);
  /// Asks again and again until the expression is true; fails the test after a minute, with what
  /// the page shows then.
  void wait_for(const std::string& expression);
  /// What scripts have thrown and the console has called errors, a line each.
  [[nodiscard]] const std::string& errors() const;

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace gorgon::test
