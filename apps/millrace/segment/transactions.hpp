// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "millrace/base/error.hpp"
#include "millrace/log_embedded/batch_walker.hpp"

namespace millrace::cli {

/// Who wrote a batch; id -1: nobody that Kafka keeps track of.
struct BatchProducer {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
  std::int32_t sequence = -1;
};
[[nodiscard]] BatchProducer producer_of(std::string_view batch);

/// What became of the transactions of a segment, by the markers in it. Holds those that were
/// aborted, that are open and whose outcome is not known, not those that were committed.
class SegmentTransactions {
 public:
  /// Walks to the end, to the first damage that has no end, or until `stop`. Holds at most
  /// `held_max` transactions, about 80 bytes each.
  [[nodiscard]] static Result<SegmentTransactions> read(log::BatchWalker walker,
                                                        const std::atomic<bool>& stop,
                                                        std::size_t held_max);

  enum class Outcome : std::uint8_t {
    committed,
    aborted,
    open,    ///< the segment has no marker of its end
    unknown  ///< its marker may be in a batch that cannot be read, or too many were held
  };
  /// Of a transactional batch.
  [[nodiscard]] Outcome of(std::int64_t producer_id, log::Offset base) const;
  /// The first offset whose outcome is not known because too many were held.
  [[nodiscard]] std::optional<log::Offset> full_from() const { return full_from_; }

 private:
  struct Ended {
    log::Offset end;  // of the marker, or of the batch that could not be read
    Outcome outcome = Outcome::aborted;
  };

  explicit SegmentTransactions(std::size_t held_max) : held_max_(held_max) {}
  void take(const log::WalkedBatch& batch);
  void take_marker(const log::WalkedBatch& batch);
  void lose_open(log::Offset end);

  std::size_t held_max_;
  std::map<std::int64_t, log::Offset> open_;                     // first offset, by producer
  std::map<std::pair<std::int64_t, log::Offset>, Ended> ended_;  // by producer and first offset
  std::optional<log::Offset> full_from_;
};

}  // namespace millrace::cli
