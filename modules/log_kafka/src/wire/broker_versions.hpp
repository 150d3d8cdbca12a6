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

/// Which versions of requests a broker takes: its response to ApiVersions.
class BrokerVersions {
 public:
  /// No value when the response cannot be read or is an error.
  [[nodiscard]] static std::optional<BrokerVersions> read(std::string_view body);

  /// The highest version of a request that both sides speak; no value when there is none.
  [[nodiscard]] std::optional<std::int16_t> common(Api api) const;
  /// Which one of these requests the broker does not take in a version that is spoken here, and
  /// why: what follows "the broker" in a message. No value when it takes them all.
  [[nodiscard]] std::optional<std::string> missing(std::span<const Api> needed) const;

 private:
  struct Taken {
    Api api{};
    Versions versions;
  };
  [[nodiscard]] const Taken* find(Api api) const;

  std::vector<Taken> taken_;
};

}  // namespace millrace::log::kafka::wire
