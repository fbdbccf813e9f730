// Signed messages: whatever comes, nothing that was not signed is taken for genuine.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/signature.h"
#include "fuzz.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace {

/// What our own key has signed; the fuzzer cannot know it.
const std::string& own_envelope() {
  using namespace gorgon;
  static const std::string envelope =
      protocol::seal(protocol::CancelJob{.job = "j"}, PrivateKey::generate(), {.cluster = "c"},
                     std::chrono::system_clock::now());
  return envelope;
}

void demand_genuine(std::string_view body, bool is_genuine) {
  using namespace gorgon;
  const auto opened = protocol::open_envelope(body);
  fuzz::demand(opened && *opened && protocol::is_genuine(**opened) == is_genuine,
               is_genuine ? "a signed envelope is genuine" : "an altered envelope is not genuine");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto body = fuzz::text_of(data, size);
  const auto opened = protocol::open_envelope(body);
  if (!opened) {
    fuzz::demand_readable(opened.error());
  } else if (*opened) {
    (void)protocol::is_genuine(**opened);
  }
  // The same envelope with another message in it.
  demand_genuine(own_envelope(), true);
  std::string altered = own_envelope();
  const auto place = altered.find("cancel_job");
  if (size > 0 && place != std::string::npos && data[0] != 0) {
    altered[place] = static_cast<char>('a' + data[0] % 26);
    if (altered != own_envelope()) demand_genuine(altered, false);
  }
  return 0;
}
