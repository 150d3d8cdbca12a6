// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

/// A memory log with topics of a few services, and the tool's own handle on it.
class Shop {
 public:
  Shop();
  /// Makes a topic of two partitions.
  void topic(const std::string& name, const std::string& owner, log::TopicKind kind);
  /// Writes as the topic's owner; answers the offset.
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
  SeededRandom random{7};
  log::MemoryBroker broker{clock, random, true};
  std::unique_ptr<log::Log> tool;

 private:
  void add(log::Transaction& transaction, const Event& event);
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
