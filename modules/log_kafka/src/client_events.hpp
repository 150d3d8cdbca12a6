// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>

#include "client.hpp"

namespace millrace::log::kafka {

/// What clients of librdkafka report and ask for. Outlives them, and the configuration outlives it.
struct ClientEvents {
  explicit ClientEvents(const ClientConfig& source) : config(source) {}
  ClientEvents(const ClientEvents&) = delete;
  ClientEvents& operator=(const ClientEvents&) = delete;

  /// Has a client that will be made with this configuration report here.
  void subscribe(rd_kafka_conf_t* conf);
  /// Has a client get its tokens, by a thread of its own, if it logs in by tokens.
  [[nodiscard]] Status serve_tokens(rd_kafka_t* client) const;

  const ClientConfig& config;
  LastError last_error;
  /// The first failure of a record; the producer resets it. By the thread that polls the producer.
  std::optional<rd_kafka_resp_err_t> delivery_error;
};

}  // namespace millrace::log::kafka
