#include "listener/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/files.h"
#include "base/result.h"
#include "base/signature.h"
#include "listener/trusted_keys.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace gorgon::listener {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Time = std::chrono::system_clock::time_point;

constexpr Time kNow{1'800'000'000s};

class GateTest : public testing::Test {
 protected:
  void SetUp() override {
    trust_key(ann_, {Right::kRun});
    trust_key(boss_, {Right::kCancel, Right::kExec});
  }
  void trust_key(const PrivateKey& key, const std::set<Right>& rights) const {
    ASSERT_TRUE(trust(keys_, {.key = key.public_key(), .rights = rights, .name = "somebody"}));
  }
  Gate open_gate() {
    auto gate = Gate::open(
        {.trusted_keys = keys_, .is_required = true, .memory = memory_, .cluster = "gpu"});
    EXPECT_TRUE(gate) << gate.error().message;
    return *std::move(gate);
  }
  /// Empty: admitted.
  std::string refusal(Gate& gate, const std::string& body, Time now = kNow,
                      std::optional<PublicKey> owner = {}) {
    const auto envelope = protocol::open_envelope(body);
    if (!envelope) return "torn: " + envelope.error().message;
    const auto message = protocol::decode(*envelope ? (*envelope)->message : body);
    if (!message) return "no message: " + message.error().message;
    const auto admitted = gate.admit({.message = *message,
                                      .envelope = *envelope ? &**envelope : nullptr,
                                      .own_queue = "my-queue",
                                      .owner = owner,
                                      .now = now});
    if (admitted) return "";
    EXPECT_EQ(admitted.error().kind, ErrorKind::kRefused);
    return admitted.error().message;
  }
  static std::string sealed(const protocol::Message& message, const PrivateKey& key,
                            const std::string& queue = "", Time signed_at = kNow) {
    return protocol::seal(message, key, {.cluster = "gpu", .queue = queue}, signed_at);
  }

  TempDir folder_ = TempDir::make("gorgon-gate-test-").value();
  fs::path keys_ = folder_.path() / "trusted_keys";
  fs::path memory_ = folder_.path() / "listener.seen";
  PrivateKey ann_ = PrivateKey::generate();
  PrivateKey boss_ = PrivateKey::generate();
  PrivateKey stranger_ = PrivateKey::generate();
  protocol::JobDefinition job_{.id = "k2x9",
                               .project = "shop",
                               .originator = "ann@desk",
                               .cluster = "gpu",
                               .file_queue = "f",
                               .reply_queue = "r",
                               .source = {.source = "rsync://h/x"}};
  protocol::CancelJob cancel_{.job = "k2x9"};
  protocol::GemCommand gem_{.reply_queue = "r", .arguments = {"install", "rake"}};
};

TEST_F(GateTest, WithoutTrustedKeysEverythingIsObeyed) {
  auto gate = Gate::open({.trusted_keys = folder_.path() / "none", .cluster = "gpu"});
  ASSERT_TRUE(gate);
  EXPECT_EQ(refusal(*gate, protocol::encode(job_)), "");
  EXPECT_EQ(refusal(*gate, sealed(job_, stranger_)), "");
  EXPECT_EQ(refusal(*gate, protocol::encode(gem_)), "");
}

TEST_F(GateTest, ATrustedKeyStartsJobs) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
}

TEST_F(GateTest, WhatDoesNothingNeedsNoSignature) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, protocol::encode(protocol::Ping{.reply_queue = "r"})), "");
}

TEST_F(GateTest, WhatRunsHereIsForThoseWhoMayRunSomethingHere) {
  Gate gate = open_gate();
  const protocol::StatusRequest request{.reply_queue = "r"};
  EXPECT_EQ(refusal(gate, sealed(request, ann_)), "");
  EXPECT_THAT(refusal(gate, protocol::encode(request)), HasSubstr("is not signed"));
  EXPECT_THAT(refusal(gate, sealed(request, boss_)), HasSubstr("no right"));
  EXPECT_THAT(refusal(gate, sealed(request, stranger_)), HasSubstr("does not trust"));
}

TEST_F(GateTest, AnUnsignedMessageIsRefused) {
  Gate gate = open_gate();
  EXPECT_THAT(refusal(gate, protocol::encode(job_)), HasSubstr("is not signed"));
  EXPECT_THAT(refusal(gate, protocol::encode(gem_)), HasSubstr("is not signed"));
  EXPECT_THAT(refusal(gate, protocol::encode(cancel_)), HasSubstr("is not signed"));
}

TEST_F(GateTest, AStrangersKeyIsRefusedAndShown) {
  Gate gate = open_gate();
  EXPECT_THAT(refusal(gate, sealed(job_, stranger_)),
              HasSubstr("gorgon trust " + stranger_.public_key().text()));
}

TEST_F(GateTest, AnAlteredMessageIsRefused) {
  Gate gate = open_gate();
  std::string body = sealed(job_, ann_);
  const auto place = body.find("shop");
  body.replace(place, 4, "shob");
  EXPECT_THAT(refusal(gate, body), HasSubstr("was altered"));
}

TEST_F(GateTest, AMessageForOthersIsRefused) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, sealed(job_, ann_, "my-queue")), "");
  EXPECT_THAT(refusal(gate, sealed(job_, ann_, "other-queue")), HasSubstr("another listener"));
  EXPECT_THAT(refusal(gate, protocol::seal(job_, ann_, {.cluster = ""}, kNow)),
              HasSubstr("for the cluster \"\""));
}

TEST_F(GateTest, ClocksMayDifferByFiveMinutesButNotMore) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, sealed(job_, ann_), kNow + 64min), "");
  EXPECT_THAT(refusal(gate, sealed(job_, ann_), kNow + 66min), HasSubstr("expired"));
  EXPECT_EQ(refusal(gate, sealed(job_, ann_), kNow - 4min), "");
  EXPECT_THAT(refusal(gate, sealed(job_, ann_), kNow - 6min), HasSubstr("in the future"));
}

TEST_F(GateTest, AReplayIsRefusedAlsoByTheNextListener) {
  const std::string body = sealed(job_, ann_);
  {
    Gate gate = open_gate();
    EXPECT_EQ(refusal(gate, body), "");
    EXPECT_THAT(refusal(gate, body), HasSubstr("was here before"));
  }
  Gate gate = open_gate();
  EXPECT_THAT(refusal(gate, body, kNow + 64min), HasSubstr("was here before"));
  EXPECT_EQ(fs::status(memory_).permissions(), fs::perms(0600));
}

TEST_F(GateTest, ARefusedMessageIsNotRemembered) {
  Gate gate = open_gate();
  const std::string body = sealed(job_, stranger_);
  EXPECT_NE(refusal(gate, body), "");
  trust_key(stranger_, {Right::kRun});
  EXPECT_EQ(refusal(gate, body), "");
}

TEST_F(GateTest, TheSameJobSignedAnewIsNoReplay) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
  EXPECT_EQ(refusal(gate, sealed(job_, ann_, "my-queue")), "");
  job_.epoch = 1;
  EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
}

TEST_F(GateTest, AJobThatIsOverDoesNotComeBack) {
  const std::string kept_back = sealed(job_, ann_);
  {
    Gate gate = open_gate();
    EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
    ASSERT_TRUE(gate.close_job("k2x9", kNow));
  }
  Gate gate = open_gate();
  EXPECT_THAT(refusal(gate, kept_back), HasSubstr("it is over"));
  job_.id = "other";
  EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
}

TEST_F(GateTest, WhatIsTooOldAnywayIsForgotten) {
  Gate gate = open_gate();
  EXPECT_EQ(refusal(gate, sealed(job_, ann_)), "");
  const auto size = read_file(memory_)->size();
  const Time later = kNow + 3h;
  EXPECT_EQ(refusal(gate, sealed(job_, ann_, "", later), later), "");
  EXPECT_EQ(read_file(memory_)->size(), size);
}

TEST_F(GateTest, AJobIsNotRunWhenItCannotBeRemembered) {
  Gate gate = open_gate();
  fs::create_directory(memory_);
  EXPECT_THAT(refusal(gate, sealed(job_, ann_)), HasSubstr("cannot note"));
}

TEST_F(GateTest, EachRightIsOne) {
  Gate gate = open_gate();
  EXPECT_THAT(refusal(gate, sealed(job_, boss_)), HasSubstr("(somebody) has no right to \"run\""));
  EXPECT_EQ(refusal(gate, sealed(gem_, boss_)), "");
  EXPECT_THAT(refusal(gate, sealed(gem_, ann_)), HasSubstr("no right to \"exec\""));
}

TEST_F(GateTest, AJobIsCancelledByItsOwnerOrByWhoeverMay) {
  Gate gate = open_gate();
  const PublicKey ann = ann_.public_key();
  EXPECT_EQ(refusal(gate, sealed(cancel_, ann_), kNow, ann), "");
  EXPECT_EQ(refusal(gate, sealed(cancel_, boss_), kNow, ann), "");
  EXPECT_EQ(refusal(gate, sealed(protocol::JobOver{.job = "k2x9"}, ann_), kNow, ann), "");
  const PrivateKey ben = PrivateKey::generate();
  trust_key(ben, {Right::kRun});
  EXPECT_THAT(refusal(gate, sealed(cancel_, ben), kNow, ann), HasSubstr("no right to \"cancel\""));
}

TEST_F(GateTest, KeysCanBeAddedAndTakenAwayMeanwhile) {
  Gate gate = open_gate();
  trust_key(stranger_, {Right::kRun});
  EXPECT_EQ(refusal(gate, sealed(job_, stranger_)), "");
  fs::remove(keys_);
  EXPECT_THAT(refusal(gate, sealed(job_, stranger_)), HasSubstr("cannot be used"));
  EXPECT_THAT(refusal(gate, protocol::encode(job_)), HasSubstr("cannot be used"));
}

TEST_F(GateTest, TheFirstKeyClosesAnOpenGate) {
  const fs::path keys = folder_.path() / "later";
  auto gate = Gate::open({.trusted_keys = keys, .cluster = "gpu"});
  ASSERT_TRUE(gate);
  EXPECT_EQ(refusal(*gate, protocol::encode(job_)), "");
  ASSERT_TRUE(trust(keys, {.key = ann_.public_key(), .rights = {Right::kRun}, .name = ""}));
  EXPECT_THAT(refusal(*gate, protocol::encode(job_)), HasSubstr("is not signed"));
  EXPECT_EQ(refusal(*gate, sealed(job_, ann_)), "");
  fs::remove(keys);
  EXPECT_THAT(refusal(*gate, protocol::encode(job_)), HasSubstr("cannot be used"));
}

TEST_F(GateTest, AConfiguredFileMustBeThere) {
  fs::remove(keys_);
  const auto gate = Gate::open({.trusted_keys = keys_, .is_required = true});
  ASSERT_FALSE(gate);
  EXPECT_EQ(gate.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(gate.error().message, HasSubstr("gorgon trust KEY"));
}

}  // namespace
}  // namespace gorgon::listener
