#include "worker/settings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "broker/broker.h"
#include "config/connection.h"

namespace gorgon::worker {
namespace {

Settings sample() {
  Settings settings;
  settings.job = {.id = "k2x9", .file_queue = "f", .reply_queue = "r"};
  settings.address = config::Connection{.host = "rabbit",
                                        .port = 5673,
                                        .user = "u",
                                        .password = "p",
                                        .heartbeat = std::chrono::seconds(5)};
  settings.host = "h";
  settings.worker = 3;
  settings.listener_queue = "l";
  settings.scratch = "/s";
  settings.workspace = "/w";
  return settings;
}

std::string with(std::string text, std::string_view old, std::string_view replacement) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old << " in " << text;
  return text.replace(at, old.size(), replacement);
}

TEST(WorkerSettingsTest, SettingsComeBackAsTheyWere) {
  const auto received = decode_settings(encode_settings(sample()));
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(received->job, sample().job);
  EXPECT_EQ(received->worker, 3U);
  const auto& connection = std::get<config::Connection>(received->address);
  EXPECT_EQ(connection.port, 5673);
  EXPECT_EQ(connection.password, "p");
  EXPECT_EQ(connection.heartbeat, std::chrono::seconds(5));
}

TEST(WorkerSettingsTest, NumbersOutOfTheirRangeAreErrors) {
  const std::string good = encode_settings(sample());
  for (const std::string& bad :
       {with(good, R"("port":5673)", R"("port":65541)"),
        with(good, R"("port":5673)", R"("port":0)"),
        with(good, R"("heartbeat":5)", R"("heartbeat":9223372036854775807)"),
        with(good, R"("heartbeat":5)", R"("heartbeat":-1)"),
        with(good, R"("worker":3)", R"("worker":0)"),
        with(good, R"("worker":3)", R"("worker":4294967297)")}) {
    const auto received = decode_settings(bad);
    ASSERT_FALSE(received) << bad;
    EXPECT_EQ(received.error().kind, ErrorKind::kProtocol);
    // The settings hold a password; what is wrong with them must not show it.
    EXPECT_FALSE(received.error().message.contains("\"p\"")) << received.error().message;
  }
}

TEST(WorkerSettingsTest, SettingsWithoutABrokerAreAnError) {
  const auto received =
      decode_settings(with(encode_settings(sample()), R"("connection")", R"("elsewhere")"));
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().message, "worker settings.connection: expected an object");
}

TEST(WorkerSettingsTest, WhatAWorkerDoesComesBackWithItsNamesCut) {
  Activity activity{.file = "a_spec.rb", .seconds = 2.5, .running_case = "a b", .case_seconds = 1};
  EXPECT_EQ(parse_activity(activity_datagram(activity)), activity);
  EXPECT_EQ(parse_activity(activity_datagram({})), Activity{});
  activity.file = std::string(1'000'000, 'x');
  EXPECT_LT(activity_datagram(activity).size(), 2000U);
  EXPECT_EQ(parse_activity(leave_datagram()), std::nullopt);
  EXPECT_EQ(parse_activity(R"({"type":"fork","id":"x"})"), std::nullopt);
}

}  // namespace
}  // namespace gorgon::worker
