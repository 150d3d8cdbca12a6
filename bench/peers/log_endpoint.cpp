// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <vector>

#include "millrace/log/log.hpp"
#include "millrace/log/partitioner.hpp"
#include "peers/kafka_client.hpp"
#include "peers/kafka_endpoint.hpp"
#include "support/arguments.hpp"
#include "support/measure.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t commit_records = 2000;
constexpr std::size_t fetch_bytes = 1U << 20U;
constexpr std::int64_t topic_wait_ns = 60'000'000'000;

std::string directory_of(const std::string& url) {
  constexpr std::string_view scheme = "file:";
  if (!url.starts_with(scheme)) give_up("url is kafka://... or file:DIR, not " + url);
  return url.substr(scheme.size());
}

class LogInput final : public InputWriter {
 public:
  LogInput(const std::string& url, const std::string& topic, std::int32_t partitions, bool prompt)
      : log_(directory_of(url), "source", "os"),
        topic_(log_.make_topic(topic, partitions)),
        limit_(prompt ? 1 : commit_records) {}

  void write(std::int64_t timestamp_ms, std::string_view key, std::string_view value) override {
    const log::PartitionId partition =
        log::choose_partition(key, topic_.spec.partitions, log_.random());
    transaction_.append({topic_.id, partition}, {timestamp_ms, key, value, {}});
    if (transaction_.records() >= limit_) flush();
  }

  void flush() override {
    if (transaction_.records() == 0) return;
    must(log_->commit(transaction_));
    transaction_.clear();
  }

 private:
  RealLog log_;
  log::Topic topic_;
  std::size_t limit_;
  log::Transaction transaction_;
};

class LogOutput final : public OutputReader {
 public:
  LogOutput(const std::string& url, const std::string& topic)
      : log_(directory_of(url), "reader", "os"), waiter_(log_->waiter()) {
    const log::Topic found = await(topic);
    for (std::int32_t i = 0; i < found.spec.partitions; ++i)
      interests_.push_back({{found.id, log::partition(i)}, log::offset(0)});
  }

  std::size_t read(std::int64_t wait_ms, const Take& take) override {
    waiter_->wait(interests_, now_ns() + wait_ms * 1'000'000);
    std::size_t taken = 0;
    for (log::Interest& interest : interests_) {
      must(log_->fetch(interest.partition, interest.next, fetch_bytes, buffer_));
      for (const log::RecordView& record : buffer_.records)
        take(*record.key, *record.value);
      taken += buffer_.records.size();
      interest.next = buffer_.next;
    }
    return taken;
  }

 private:
  log::Topic await(const std::string& name) {
    const std::int64_t end = now_ns() + topic_wait_ns;
    while (true) {
      if (auto found = log_->find_topic(name)) return *found;
      if (now_ns() > end) give_up("the topic " + name + " did not come");
      sleep_until_ns(now_ns() + 50'000'000);
    }
  }

  RealLog log_;
  std::unique_ptr<log::Waiter> waiter_;
  std::vector<log::Interest> interests_;
  log::FetchBuffer buffer_;
};

}  // namespace

std::unique_ptr<InputWriter> open_input(const std::string& url, const std::string& topic,
                                        std::int32_t partitions, bool prompt) {
  if (is_kafka(url)) return open_kafka_input(url, topic, partitions, prompt);
  return std::make_unique<LogInput>(url, topic, partitions, prompt);
}

std::unique_ptr<OutputReader> open_output(const std::string& url, const std::string& topic) {
  if (is_kafka(url)) return open_kafka_output(url, topic);
  return std::make_unique<LogOutput>(url, topic);
}

}  // namespace millrace::bench
