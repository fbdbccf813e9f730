#include "config/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gorgon::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Connection parse(std::string_view url) {
  auto parsed = parse_url(url);
  EXPECT_TRUE(parsed) << url << ": " << parsed.error().message;
  return parsed.value_or(Connection{});
}

std::string error_of(std::string_view url) {
  const auto parsed = parse_url(url);
  return parsed ? "no error" : parsed.error().message;
}

TEST(ParseUrlTest, EveryPartIsRead) {
  const Connection parsed = parse("amqp://us%65r:p%40ss%2F@broker.example:1234/v%2Fh?heartbeat=5");
  EXPECT_EQ(parsed, (Connection{.host = "broker.example",
                                .port = 1234,
                                .user = "user",
                                .password = "p@ss/",
                                .virtual_host = "v/h",
                                .tls = {},
                                .heartbeat = std::chrono::seconds(5)}));
}

TEST(ParseUrlTest, AbsentPartsHaveTheirDefaults) {
  EXPECT_EQ(parse("amqp://"), Connection{});
  EXPECT_EQ(parse("amqp://:@/").virtual_host, "");
  EXPECT_EQ(parse("amqp://host").virtual_host, "/");
  EXPECT_EQ(parse("amqp://host/").virtual_host, "");
  EXPECT_EQ(parse("amqp://host/%2f").virtual_host, "/");
  EXPECT_EQ(parse("amqp://user@host").user, "user");
  EXPECT_EQ(parse("amqp://host:").port, 5672);
}

TEST(ParseUrlTest, Ipv6AddressesStandInBrackets) {
  EXPECT_EQ(parse("amqp://[::1]").host, "::1");
  EXPECT_EQ(parse("amqp://u:p@[fe80::1]:99/").port, 99);
  EXPECT_THAT(error_of("amqp://[::1"), HasSubstr("not closed"));
  EXPECT_THAT(error_of("amqp://[::1]x"), HasSubstr("not closed"));
}

TEST(ParseUrlTest, TlsHasItsOwnPortAndFiles) {
  const Connection parsed =
      parse("amqps://host?cacertfile=/ca.pem&certfile=c%20d.pem&keyfile=k.pem&verify=verify_peer");
  EXPECT_EQ(parsed.port, 5671);
  EXPECT_EQ(parsed.tls, (Tls{.ca_file = "/ca.pem",
                             .certificate_file = "c d.pem",
                             .key_file = "k.pem",
                             .verify_host = true}));
  EXPECT_EQ(parse("amqps://host").tls.value_or(Tls{}).ca_file, system_ca_file());
}

TEST(ParseUrlTest, WhatIsWrongIsSaidWithoutThePassword) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"http://u:secret@host", "begins with amqp://"},
      {"amqp://u:sec/ret@host", "not a number from 1 to 65535"},
      {"amqp://u:1/secret@host", "written %2F, an @ %40"},
      {"amqp://u:secret%zz@host", "password of the URL has a %"},
      {"amqp://u:secret%@host", "password of the URL has a %"},
      {"amqp://u:secret%00@host", "password of the URL has a %"},
      {"amqp://u:secret#@host", "%23"},
      {"amqp://u:?secret@host", "unknown parameter"},
      {"amqp://u?secret@host", "unknown parameter"},
      {"amqp://u:secret@host:0", "not a number from 1 to 65535"},
      {"amqp://u:secret@host:70000", "not a number from 1 to 65535"},
      {"amqp://u:secret@host?heartbeat=0", "heartbeat in the URL is not a number from 1 to 600"},
      {"amqp://u:secret@host?cacertfile=x", "needs amqps"},
      {"amqps://u:secret@host?verify=verify_none", "always checks"},
      {"amqp://u:secret@host/a/b", "written %2F"},
  };
  for (const auto& [url, message] : cases) {
    EXPECT_THAT(error_of(url), HasSubstr(message)) << url;
    EXPECT_THAT(error_of(url), Not(HasSubstr("sec"))) << url;
    EXPECT_THAT(error_of(url), Not(HasSubstr("ret@"))) << url;
  }
}

}  // namespace
}  // namespace gorgon::config
