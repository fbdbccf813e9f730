// What the fuzz targets share. A target is one file X_fuzz.cc: it gives the bytes to a parser and
// demands what must hold whatever they are. CONTRIBUTING.md says how to run and add one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

/// libFuzzer's entry point; 0: the input may go into the corpus.
// NOLINTNEXTLINE(readability-identifier-naming): its name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace gorgon::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program unless `holds`: a finding.
inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// An error is there to be read: some words, and not the whole input. Bytes of the input may be in
/// it; report/display_text and the log see to those.
inline void demand_readable(const Error& error) {
  constexpr std::size_t kMostBytes = 16384;
  demand(!error.message.empty(), "an error has words");
  demand(error.message.size() <= kMostBytes, "an error is short");
}

/// A file with this text, for readers of files; the next call writes it over.
inline std::filesystem::path file_with(std::string_view text, std::string_view name) {
  static const TempDir folder = TempDir::make("gorgon-fuzz-", "/dev/shm").value();
  const std::filesystem::path file = folder.path() / name;
  if (!write_file(file, text, 0600)) std::abort();
  return file;
}

}  // namespace gorgon::fuzz
