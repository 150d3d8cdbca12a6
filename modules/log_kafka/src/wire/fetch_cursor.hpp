// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "cursor.hpp"
#include "wire/fetcher.hpp"

namespace millrace::log::kafka::wire {

/// A cursor over a feed. Records are decoded when they are answered, straight into the buffer.
class FeedCursor final : public Reader::Cursor {
 public:
  /// The fetcher outlives it.
  FeedCursor(Fetcher& fetcher, KafkaPlace place) : Cursor(std::move(place)), fetcher_(fetcher) {}
  ~FeedCursor() override { stop(); }

  [[nodiscard]] Status begin(Offset from) override;
  void pull(std::size_t max_bytes) override;
  [[nodiscard]] bool has_records() const override { return damage_ || !sets_.empty(); }
  [[nodiscard]] Offset reached() const override { return reached_; }
  [[nodiscard]] Status answer(std::size_t max_bytes, FetchBuffer& buffer) override;

 private:
  void stop();
  void take(Feed::News news);
  void step_over_unseen();
  void release();

  Fetcher& fetcher_;
  std::shared_ptr<Feed> feed_;
  std::deque<RecordSet> sets_;  // the first one begins with something to show
  std::size_t held_ = 0;        // bytes of the sets when that was last told
  Offset reached_{};
  std::optional<Error> damage_;              // behind what the sets have to show
  std::optional<rd_kafka_resp_err_t> last_;  // behind the sets
};

/// A fetcher with its cursors.
class FetchLane final : public Reader::Lane {
 public:
  FetchLane(FetchSettings settings, Cluster& cluster, Complaints& complaints, Signal& signal)
      : fetcher_(std::move(settings), cluster, complaints, signal) {}
  ~FetchLane() override { drop_all(); }

 private:
  [[nodiscard]] Result<std::shared_ptr<Reader::Cursor>> make(const KafkaPlace& at) override {
    return std::make_shared<FeedCursor>(fetcher_, at);
  }

  Fetcher fetcher_;
};

}  // namespace millrace::log::kafka::wire
