// Who may ask `gorgon web` for what: decisions over the parts of a request, without a socket.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace gorgon::web {

/// What of a request counts; a header that is not there is empty.
struct Request {
  std::string_view method;
  std::string_view target;  ///< "/runs/3?from=7"
  std::string_view host;
  std::string_view cookie;
};

/// A target in its parts. Of a key that stands twice the first value counts. Nothing is decoded:
/// what we ask for needs no "%".
struct Target {
  std::string path;
  std::map<std::string, std::string, std::less<>> query;

  [[nodiscard]] static Target parse(std::string_view target);
  /// Empty: it is not there.
  [[nodiscard]] std::string_view operator[](std::string_view key) const;
};

/// What becomes of a request.
struct Decision {
  unsigned status = 200;  ///< As HTTP has it. 200: it is to be answered; 303: `location`.
  std::string reason;     ///< For the person who has asked; of refusals.
  std::string location;   ///< The target without the token.
  std::string cookie;     ///< A Set-Cookie header; beside `location`.
};

/// Lets in who knows the token, from the URL at first and then from a cookie, and asks by a name
/// of this machine's own: a page from elsewhere that a name server leads here has another.
class Admission {
 public:
  Admission(std::string token, std::uint16_t port);

  [[nodiscard]] Decision decide(const Request& request) const;
  /// What lets a browser in.
  [[nodiscard]] std::string url() const;

 private:
  [[nodiscard]] bool has_cookie(std::string_view header) const;

  std::string token_;
  std::uint16_t port_;
  std::string cookie_name_;  ///< Cookies know no ports: each process has its own.
};

}  // namespace gorgon::web
