// The file that says whose jobs a machine runs; and a key as text.
#include <cstddef>
#include <cstdint>

#include "base/signature.h"
#include "fuzz.h"
#include "listener/trusted_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto text = fuzz::text_of(data, size);
  if (const auto key = PublicKey::parse(text); key)
    fuzz::demand(key->text() == text, "a key has one form");
  const auto keys = listener::read_trusted_keys(fuzz::file_with(text, "trusted_keys"));
  if (!keys) {
    fuzz::demand_readable(keys.error());
    return 0;
  }
  for (const auto& key : *keys) fuzz::demand(!key.rights.empty(), "a key has a right");
  return 0;
}
