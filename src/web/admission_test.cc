#include "web/admission.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace gorgon::web {
namespace {

constexpr std::string_view kToken = "secretsecret";
constexpr std::string_view kCookie = "gorgon-4567=secretsecret";

Decision decide(const Request& request) {
  return Admission(std::string(kToken), 4567).decide(request);
}
Request with_cookie(std::string_view cookie) {
  return {.method = "GET", .target = "/", .host = "127.0.0.1:4567", .cookie = cookie};
}
Request for_target(std::string_view target) {
  return {.method = "GET", .target = target, .host = "127.0.0.1:4567", .cookie = ""};
}
Request by_host(std::string_view host) {
  return {.method = "GET", .target = "/", .host = host, .cookie = kCookie};
}

TEST(AdmissionTest, TheTokenOfTheUrlBecomesACookieAndLeavesTheUrl) {
  EXPECT_EQ(Admission(std::string(kToken), 4567).url(),
            "http://127.0.0.1:4567/?token=secretsecret");
  const Decision decision = decide(for_target("/runs/3?from=7&token=secretsecret&x=1"));
  EXPECT_EQ(decision.status, 303U);
  EXPECT_EQ(decision.location, "/runs/3?from=7&x=1");
  EXPECT_EQ(decision.cookie, "gorgon-4567=secretsecret; Path=/; HttpOnly; SameSite=Strict");
  EXPECT_EQ(decide(for_target("/?token=secretsecret")).location, "/");
}

TEST(AdmissionTest, TheCookieLetsInAmongOthers) {
  EXPECT_EQ(decide(with_cookie(kCookie)).status, 200U);
  EXPECT_EQ(decide(with_cookie("a=b; gorgon-4567=secretsecret; c=d")).status, 200U);
  EXPECT_EQ(decide(with_cookie("gorgon-4567=old; gorgon-4567=secretsecret")).status, 200U);
}

TEST(AdmissionTest, NothingElseLetsIn) {
  for (const std::string_view cookie :
       {"", "gorgon-4567", "gorgon-4567=", "gorgon-4567=secretsecre", "gorgon-4567=secretsecretx",
        "gorgon-4568=secretsecret", "=secretsecret", ";;;", "x gorgon-4567=secretsecret"})
    EXPECT_EQ(decide(with_cookie(cookie)).status, 403U) << cookie;
  for (const std::string_view target :
       {"/", "/?token=", "/?token", "/?token=secretsecre", "/?tokens=secretsecret",
        "/?token=x&token=secretsecret", "/token=secretsecret"})
    EXPECT_EQ(decide(for_target(target)).status, 403U) << target;
}

TEST(AdmissionTest, OnlyNamesOfThisMachineAreHosts) {
  for (const std::string_view host :
       {"127.0.0.1:4567", "127.0.0.1", "localhost:4567", "localhost:8080", "[::1]:4567"})
    EXPECT_EQ(decide(by_host(host)).status, 200U) << host;
  for (const std::string_view host :
       {"", "evil.example", "evil.example:4567", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1:", "127.0.0.1:45x", "localhost:1@evil.example", "127.0.0.2:4567", "::1"})
    EXPECT_EQ(decide(by_host(host)).status, 403U) << host;
}

TEST(AdmissionTest, OnlyGetIsAnswered) {
  for (const std::string_view method : {"POST", "PUT", "HEAD", "OPTIONS", "get", ""}) {
    const Request request{.method = method, .target = "/", .host = "localhost", .cookie = kCookie};
    EXPECT_EQ(decide(request).status, 405U) << method;
  }
}

TEST(AdmissionTest, ARedirectionStaysHere) {
  for (const std::string_view target :
       {"//evil.example/?token=secretsecret", "http://evil.example/?token=secretsecret",
        "/\\evil.example?token=secretsecret", "?token=secretsecret", ""})
    EXPECT_EQ(decide(for_target(target)).status, 400U) << target;
}

}  // namespace
}  // namespace gorgon::web
