#include "broker/amqp/tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/types.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "broker/amqp/library.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

namespace {

bool is_ip_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

Result<void> check_readable(const std::filesystem::path& file, std::string_view what) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  return fail(ErrorKind::kUsage, "cannot read " + std::string(what) + " " + file.string() + ": " +
                                     std::strerror(errno) + " (see \"tls\" of \"connection\")");
}

/// rabbitmq-c up to 0.11 compares DNS names only, so OpenSSL itself checks an address.
void require_address(amqp_socket_t* socket, const std::string& address) {
  auto* context = static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket));
  X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), address.c_str());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

Result<void> load_files(amqp_socket_t* socket, const config::Tls& tls) {
  GORGON_TRY(check_readable(tls.ca_file, "the CA file"));
  if (amqp_ssl_socket_set_cacert(socket, tls.ca_file.c_str()) != AMQP_STATUS_OK)
    return fail(ErrorKind::kUsage, tls.ca_file.string() + " holds no certificate in PEM form");
  if (tls.certificate_file.empty()) return {};
  GORGON_TRY(check_readable(tls.certificate_file, "the certificate file"));
  GORGON_TRY(check_readable(tls.key_file, "the key file"));
  if (amqp_ssl_socket_set_key(socket, tls.certificate_file.c_str(), tls.key_file.c_str()) !=
      AMQP_STATUS_OK) {
    return fail(ErrorKind::kUsage, tls.certificate_file.string() + " and " + tls.key_file.string() +
                                       " are not a certificate and its key in PEM form");
  }
  return {};
}

}  // namespace

Result<amqp_socket_t*> make_tls_socket(State* state, const config::Tls& tls,
                                       const std::string& host) {
  amqp_socket_t* socket = amqp_ssl_socket_new(state);
  if (socket == nullptr) return fail(ErrorKind::kIo, "cannot set up TLS");
  GORGON_TRY(load_files(socket, tls));
  amqp_ssl_socket_set_verify_peer(socket, 1);
  amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
  const bool by_address = tls.verify_host && is_ip_address(host);
  amqp_ssl_socket_set_verify_hostname(socket, tls.verify_host && !by_address ? 1 : 0);
  if (by_address) require_address(socket, host);
  return socket;
}

}  // namespace gorgon::broker::amqp
