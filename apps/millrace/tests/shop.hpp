// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/processes.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/memory_log.hpp"
#include "program.hpp"

namespace millrace::cli {

/// An event as a service publishes it.
struct Event {
  std::string topic;
  std::int32_t partition = 0;
  std::string key;
  std::string type;
  std::string id;
  std::string cause;
  std::string correlation;
  std::string value = "{}";
  std::int64_t timestamp_ms = 1'291'191'960'000;  ///< 2010-12-01T08:26:00Z
  std::map<std::string, std::string> more_headers{};
};

/// A log with topics of a few services, and the tool's own handle on it: in memory, or on the
/// cluster of MILLRACE_TEST_KAFKA under a prefix of its own.
class Shop {
 public:
  Shop();
  /// Its URL; empty in memory.
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] bool on_kafka() const { return !url_.empty(); }
  /// Offset of the n-th record of a partition, from 0, when each was written by a transaction of
  /// its own: on Kafka the mark of each takes one too.
  [[nodiscard]] std::string nth(std::int64_t n) const {
    return std::to_string(on_kafka() ? 2 * n : n);
  }
  /// One more handle.
  [[nodiscard]] std::unique_ptr<log::Log> connect(log::LogOptions options);
  /// Makes a topic of two partitions.
  void topic(const std::string& name, const std::string& owner, log::TopicKind kind);
  /// Writes as the topic's owner; returns the offset.
  std::int64_t publish(const Event& event);
  /// A binary record of a private topic, in the context of an event.
  void keep(const std::string& topic, std::int32_t partition, const std::string& key,
            const std::string& event_id, const std::string& correlation, const std::string& value);
  /// A handle of a service.
  log::Log& service(const std::string& name);
  /// All records of a partition.
  std::vector<std::pair<std::string, std::string>> read(const std::string& topic,
                                                        std::int32_t partition);

  ManualClock clock;
  SeededRandom random{real_seed()};
  log::MemoryBroker broker{clock, true};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  std::unique_ptr<log::Log> tool;

 private:
  void add(log::Transaction& transaction, const Event& event);
  /// Commits as the service; every handle reads it when this returns.
  log::Committed commit(const std::string& owner, log::Transaction& transaction);
  std::string url_;
  std::map<std::string, std::unique_ptr<log::Log>> services_;
};

/// The tool's standard output and error, kept.
struct Screen {
  std::string text;
  std::string notes_text;
  Output out{text};
  Output notes{notes_text};
  std::atomic<bool> stop{false};
  Session session{out, notes, stop};
};

/// What one command line did.
struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string notes;
};
Outcome run(std::vector<std::string> arguments);

/// Whether a text is one JSON document.
bool is_json(const std::string& text);
std::vector<std::string> lines_of(const std::string& text);

}  // namespace millrace::cli
