// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "admin.hpp"
#include "identity.hpp"
#include "millrace/base/processes.hpp"
#include "state_log.hpp"

namespace millrace::log {

/// The parts of a handle that write and fold `__millrace`, without the handle: of a build with
/// other versions of the records, or with an identity to look at.
class KafkaParts {
 public:
  KafkaParts(const std::string& url, LogOptions options, kafka::RecordVersions versions = {})
      : options_(std::move(options)),
        config_(kafka::parse_url(url).value(), options_, real_clock()),
        reader_(config_, real_clock()),
        state_(config_, options_, reader_, real_clock(), std::move(versions)),
        identity_(config_, options_, state_, real_clock(), options_.member,
                  real_processes().self()) {
    const Status checked = config_.check();
    EXPECT_TRUE(checked.has_value());
    const Status reads = reader_.open();
    EXPECT_TRUE(reads.has_value());
    const Status opened = state_.open(options_.member);
    EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
    const auto joined = identity_.member();
    EXPECT_TRUE(joined.has_value()) << joined.error().to_string();
  }
  kafka::StateLog& state() { return state_; }
  kafka::Identity& identity() { return identity_; }
  [[nodiscard]] std::string in_kafka(const std::string& name) const {
    return config_.in_kafka(name);
  }
  /// What Topics does in the cluster, and nothing in the state.
  [[nodiscard]] Status add_in_cluster(const std::string& topic, std::int32_t total) {
    return kafka::create_partitions(reader_.client(), in_kafka(topic), total, config_.timeout_ms());
  }
  [[nodiscard]] bool create_in_cluster(const std::string& topic, std::int32_t partitions) {
    const auto made = kafka::create_topic(reader_.client(), in_kafka(topic), partitions, {},
                                          config_.timeout_ms());
    return made && *made;
  }

 private:
  LogOptions options_;
  kafka::ClientConfig config_;
  kafka::Reader reader_;
  kafka::StateLog state_;
  kafka::Identity identity_;
};

}  // namespace millrace::log
