#include "doctor/broker_check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/result.h"
#include "config/connection.h"
#include "doctor/finding.h"

namespace gorgon::doctor {
namespace {

using namespace std::chrono_literals;

TEST(BrokerCheckTest, ServersAreJudgedByTheirVersion) {
  const auto level = [](const std::string& product) {
    return judge_product(product, 900s).at(0).level();
  };
  EXPECT_EQ(level("RabbitMQ 3.7.28"), Level::kProblem);
  EXPECT_EQ(level("RabbitMQ 3.9.13"), Level::kNote);
  EXPECT_EQ(level("RabbitMQ 3.10.8"), Level::kOk);
  EXPECT_EQ(level("RabbitMQ 4.1.0"), Level::kOk);
  EXPECT_EQ(level("LavinMQ 2.0.0"), Level::kNote);
  EXPECT_EQ(level("RabbitMQ"), Level::kNote);
  EXPECT_EQ(level(""), Level::kNote);
}

TEST(BrokerCheckTest, ALongUnitIsWorthANoteWhereTheServerHasALimitOfItsOwn) {
  EXPECT_EQ(judge_product("RabbitMQ 3.10.8", 1799s).size(), 1U);
  EXPECT_EQ(judge_product("RabbitMQ 3.10.8", 1800s).size(), 2U);
  EXPECT_EQ(judge_product("RabbitMQ 3.10.8", 0s).size(), 2U);
  EXPECT_EQ(judge_product("RabbitMQ 3.12.0", 0s).size(), 1U);
}

std::string remedy(const std::string& message, const config::Connection& address = {}) {
  return judge_connect(address, {ErrorKind::kUnavailable, message}).remedy();
}

TEST(BrokerCheckTest, EachReasonHasItsRemedy) {
  const config::Connection ann{.host = "mq", .user = "ann", .virtual_host = "team one"};
  EXPECT_TRUE(remedy("the host name is unknown", ann).contains("let this machine's name service"));
  EXPECT_TRUE(remedy("the TLS handshake failed: x").contains("ca_file"));
  EXPECT_TRUE(remedy("it did not answer in time").contains("TCP port 5672"));
  EXPECT_TRUE(remedy("cannot log in at broker").contains("5671"));
  EXPECT_TRUE(remedy("broker mq refused user \"ann\"", ann).contains("change_password ann"));
  EXPECT_TRUE(remedy("broker mq refused user \"guest\"").contains("add_user"));
  EXPECT_TRUE(remedy("refused virtual host: not found", ann).contains("add_vhost 'team one'"));
  EXPECT_TRUE(remedy("refused virtual host: access", ann).contains("-p 'team one' ann"));
  EXPECT_TRUE(remedy("a socket error occurred", ann).contains("start RabbitMQ on mq"));
}

TEST(BrokerCheckTest, ARefusalOfARightIsTakenForThatAndNothingElseIs) {
  const config::Connection address;
  const auto told = [&](const std::string& message) {
    return judge_refusal(address, "declare a topic", {ErrorKind::kRefused, message}).remedy();
  };
  EXPECT_TRUE(
      told("ACCESS_REFUSED - access to exchange refused").contains("set_permissions guest"));
  EXPECT_TRUE(told("PRECONDITION_FAILED").contains("list_policies"));
}

}  // namespace
}  // namespace gorgon::doctor
