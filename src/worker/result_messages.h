// How the result of a unit travels: what fits in one message, and what is left of one that the
// broker does not take. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::worker {

/// As JSON, about.
[[nodiscard]] std::size_t size_estimate(const results::UnitResult& result);

/// Moves the cases of `result` that do not fit beside the others into messages of their own.
[[nodiscard]] std::vector<protocol::UnitCases> split_cases(const std::string& job,
                                                           const std::string& run,
                                                           results::UnitResult& result);

/// To what fits in a message beside everything else that may be in it.
void cut_errors(std::vector<results::Failure>& errors);

/// A result whose errors and output do not fit in one message is cut; the verdict stays.
[[nodiscard]] std::string encode_within_limit(protocol::UnitFinished finished);

/// `finished` without cases, errors and output.
[[nodiscard]] protocol::UnitFinished head_of(const protocol::UnitFinished& finished);

/// What is left of a result that the broker has not taken, for this reason. A verdict without its
/// cases is no good one; and it is a run of its own: cases that came through belong to the other.
[[nodiscard]] protocol::UnitFinished bare_result(protocol::UnitFinished head,
                                                 const std::string& reason);

}  // namespace gorgon::worker
