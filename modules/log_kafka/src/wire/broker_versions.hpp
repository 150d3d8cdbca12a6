// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {

/// The highest version that is in both ranges; no value when there is none.
[[nodiscard]] std::optional<std::int16_t> highest_common(Versions a, Versions b);

/// The question that BrokerVersions::read() reads the response of.
[[nodiscard]] std::string ask_versions();

/// Which versions of requests a broker takes, and which features its cluster has: its response to
/// ApiVersions.
class BrokerVersions {
 public:
  /// No value when the response cannot be read or is an error.
  [[nodiscard]] static std::optional<BrokerVersions> read(std::string_view body);
  /// Whether a response is that of a broker that does not take the question in our version.
  [[nodiscard]] static bool is_unknown_question(std::string_view body);

  /// The highest version of a request that both sides speak; no value when there is none.
  [[nodiscard]] std::optional<std::int16_t> common(Api api) const;
  [[nodiscard]] bool takes(Api api, std::int16_t version) const;
  /// Which one of these requests the broker does not take in a version that is spoken here, and
  /// why: what follows "the broker" in a message. No value when it takes them all.
  [[nodiscard]] std::optional<std::string> missing(std::span<const Api> needed) const;
  /// The version of transactions that the cluster has switched on for all its brokers: the level of
  /// its feature `transaction.version`, 0 when the broker names none.
  [[nodiscard]] std::int16_t transactions() const { return transactions_; }

 private:
  struct Taken {
    Api api{};
    Versions versions;
  };
  [[nodiscard]] const Taken* find(Api api) const;

  std::vector<Taken> taken_;
  std::int16_t transactions_ = 0;
};

}  // namespace millrace::log::kafka::wire
