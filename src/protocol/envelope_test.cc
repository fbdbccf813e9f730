#include "protocol/envelope.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/signature.h"
#include "protocol/codec.h"
#include "protocol/messages.h"

namespace gorgon::protocol {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point kNow{1'800'000'000s};

class EnvelopeTest : public testing::Test {
 protected:
  std::optional<PrivateKey> key_ = PrivateKey::generate();
  JobDefinition job_{.id = "k2x9",
                     .project = "shop \"two\"\nlines",
                     .originator = "ann@desk",
                     .cluster = "gpu",
                     .file_queue = "f",
                     .reply_queue = "r",
                     .source = {.source = "rsync://h/x"}};
};

TEST_F(EnvelopeTest, CarriesTheMessageVerbatimAndWhoSignedIt) {
  const auto envelope = open_envelope(seal(job_, key_, {.cluster = "gpu", .queue = "q"}, kNow));
  ASSERT_TRUE(envelope && *envelope);
  EXPECT_EQ((*envelope)->message, encode(job_));
  EXPECT_EQ((*envelope)->key, key_->public_key());
  EXPECT_EQ((*envelope)->cluster, "gpu");
  EXPECT_EQ((*envelope)->queue, "q");
  EXPECT_EQ((*envelope)->expires_at, 1'800'003'600);
  EXPECT_TRUE(is_genuine(**envelope));
}

TEST_F(EnvelopeTest, OneSignatureIsForAllMessagesInIt) {
  const std::vector<Message> both = {job_, CancelJob{.job = "j"}};
  const auto envelope = open_envelope(seal(both, key_, {.cluster = "gpu"}, kNow));
  ASSERT_TRUE(envelope && *envelope);
  EXPECT_EQ((*envelope)->message, encode(both[0]) + "\n" + encode(both[1]));
  EXPECT_TRUE(is_genuine(**envelope));
  EXPECT_EQ(seal(both, std::nullopt, {.cluster = "gpu"}, kNow), (*envelope)->message);
}

TEST_F(EnvelopeTest, IsNeverTheSameTwice) {
  EXPECT_NE(seal(job_, key_, {.cluster = ""}, kNow), seal(job_, key_, {.cluster = ""}, kNow));
}

TEST_F(EnvelopeTest, NoPartCanBeAltered) {
  const auto opened = open_envelope(seal(job_, key_, {.cluster = "gpu", .queue = "q"}, kNow));
  ASSERT_TRUE(opened && *opened);
  const Envelope whole = **opened;
  for (std::string Envelope::* part : {&Envelope::signature, &Envelope::nonce, &Envelope::cluster,
                                       &Envelope::queue, &Envelope::message}) {
    Envelope altered = whole;
    (altered.*part)[0] = static_cast<char>((altered.*part)[0] ^ 1);
    EXPECT_FALSE(is_genuine(altered));
    altered.*part = "";
    EXPECT_FALSE(is_genuine(altered));
  }
  Envelope altered = whole;
  ++altered.expires_at;
  EXPECT_FALSE(is_genuine(altered));
  altered = whole;
  altered.key = PrivateKey::generate().public_key();
  EXPECT_FALSE(is_genuine(altered));
  // Letters that move from one part into the next.
  altered = whole;
  altered.cluster = "gp";
  altered.queue = "uq";
  EXPECT_FALSE(is_genuine(altered));
  EXPECT_TRUE(is_genuine(whole));
}

TEST_F(EnvelopeTest, WithoutAKeyMessagesAreAsTheyWere) {
  EXPECT_EQ(seal(job_, std::nullopt, {.cluster = "gpu"}, kNow), encode(job_));
  const auto opened = open_envelope(encode(job_));
  ASSERT_TRUE(opened);
  EXPECT_FALSE(*opened);
}

TEST_F(EnvelopeTest, WhatIsNoEnvelopeIsLeftToTheCodec) {
  for (const char* body : {"", "{", "[]", "7", R"({"v": 2, "type": "signed"})", R"({"v": 1})"}) {
    const auto opened = open_envelope(body);
    ASSERT_TRUE(opened) << body;
    EXPECT_FALSE(*opened) << body;
  }
}

TEST_F(EnvelopeTest, ATornEnvelopeIsAnError) {
  const std::string key = key_->public_key().text();
  const std::string start = R"({"v": 1, "type": "signed", "key": ")" + key + "\"";
  for (const std::string& body :
       {std::string(R"({"v": 1, "type": "signed"})"), start + "}",
        start + R"(, "signature": 7, "nonce": "a", "cluster": "", "queue": "", "expires_at": 1})",
        start + R"(, "signature": "", "nonce": "A\nb", "cluster": "", "queue": "", )"
                R"("expires_at": 1, "message": ""})"})
    EXPECT_FALSE(open_envelope(body)) << body;
}

TEST_F(EnvelopeTest, ASealedJobSaysWhereToRefuseIt) {
  const auto sender = sender_of_job(seal(job_, key_, {.cluster = "gpu"}, kNow));
  ASSERT_TRUE(sender);
  EXPECT_EQ(sender->job, "k2x9");
  EXPECT_EQ(sender->reply_queue, "r");
}

}  // namespace
}  // namespace gorgon::protocol
