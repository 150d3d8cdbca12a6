// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string_view>

#include "millrace/log/record.hpp"
#include "runtime/in_hand.hpp"
#include "runtime/outbox.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// Of the headers `dl-*`.
inline constexpr std::uint64_t dead_letter_version = 1;

/// How much of the record a dead letter carries. Later ones are smaller; the last always fits.
enum class LetterForm : std::uint8_t { whole, without_value, without_headers, place_alone };
inline constexpr LetterForm last_letter_form = LetterForm::place_alone;

/// Before the name of a header of the record itself that begins with `dl-`, so that it is not taken
/// for one of the letter.
inline constexpr std::string_view foreign_header_prefix = "dl-record-";

/// The headers that a record had before it became a dead letter, from those of its replay.
void restore_headers(log::HeadersView replayed, log::HeadersBuilder& out);

/// What a letter is to be like that the log takes.
struct LetterShape {
  LetterForm least = LetterForm::whole;  ///< the first form to try
  bool now = false;  ///< it has the time of now, and names the record's in a header
};

/// Encodes dead letters: the record as it came, with origin and reason in headers `dl-*`
/// (docs/formats/dead_letter.md), for the task's partition of the service's dead letters.
class DeadLetters {
 public:
  explicit DeadLetters(const Shared& shared) : shared_(&shared) {}

  /// Writes the letter of the record in hand in the first form, from the least on, that is within
  /// the log's limits.
  void write(const InHand& hand, std::string_view sub_topology, ErrorCode code,
             std::string_view reason, LetterShape shape, Outbox& out);

 private:
  void build_headers(const InHand& hand, std::string_view sub_topology, ErrorCode code,
                     std::string_view reason, LetterForm form, bool now);

  const Shared* shared_;
  log::HeadersBuilder headers_;
};

}  // namespace millrace::stream::runtime
