// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "cursor.hpp"
#include "wire/fetcher.hpp"

namespace millrace::log::kafka::wire {

/// A cursor over a fetch queue. Records are decoded when they are returned, straight into the
/// buffer.
class FetchCursor final : public Reader::Cursor {
 public:
  /// The fetcher outlives it.
  FetchCursor(Fetcher& fetcher, KafkaPartition partition)
      : Cursor(std::move(partition)), fetcher_(fetcher) {}
  ~FetchCursor() override { stop(); }

  [[nodiscard]] Status begin(Offset from) override;
  void pull(std::size_t max_bytes) override;
  [[nodiscard]] bool has_records() const override { return damage_ || !sets_.empty(); }
  [[nodiscard]] Offset reached() const override { return reached_; }
  [[nodiscard]] Status answer(std::size_t max_bytes, FetchBuffer& buffer) override;

 private:
  void stop();
  void take(FetchQueue::News news);
  void step_over_unseen();
  void release();

  Fetcher& fetcher_;
  std::shared_ptr<FetchQueue> queue_;
  std::deque<RecordSet> sets_;  // the first one begins with something to show
  std::size_t held_ = 0;        // bytes of the sets when that was last reported
  Offset reached_{};
  std::optional<Error> damage_;              // behind what the sets have to show
  std::optional<rd_kafka_resp_err_t> last_;  // behind the sets
};

/// A fetcher with its cursors.
class FetchClient final : public Reader::Client {
 public:
  FetchClient(FetchSettings settings, Cluster& cluster, LastError& last_error, Signal& signal)
      : fetcher_(std::move(settings), cluster, last_error, signal) {}
  ~FetchClient() override { drop_all(); }

 private:
  [[nodiscard]] std::shared_ptr<Reader::Cursor> make(const KafkaPartition& at) override {
    return std::make_shared<FetchCursor>(fetcher_, at);
  }

  Fetcher fetcher_;
};

}  // namespace millrace::log::kafka::wire
