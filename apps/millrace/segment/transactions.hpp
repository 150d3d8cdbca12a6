// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
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

/// What became of the transactions of a segment, by the marks in it. Holds what was aborted and
/// what is open, not what was committed.
class SegmentTransactions {
 public:
  /// Walks to the end, or to the first damage.
  [[nodiscard]] static Result<SegmentTransactions> read(log::BatchWalker walker);

  enum class Outcome : std::uint8_t {
    committed,
    aborted,
    open  ///< the segment has no mark of its end
  };
  /// Of a transactional batch.
  [[nodiscard]] Outcome of(std::int64_t producer_id, log::Offset base) const;

 private:
  void take(const log::WalkedBatch& batch);

  std::map<std::int64_t, log::Offset> open_;  // first offset, by producer
  // Producer and first offset; the offset of the mark.
  std::map<std::pair<std::int64_t, log::Offset>, log::Offset> aborted_;
};

}  // namespace millrace::cli
