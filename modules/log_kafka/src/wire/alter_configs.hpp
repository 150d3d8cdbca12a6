// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/cluster.hpp"
#include "wire/messages.hpp"

// IncrementalAlterConfigs of one topic. Unlike AlterConfigs, the only one that librdkafka 2.0 has,
// it leaves alone what it does not name: two clients that change different settings at once lose
// none.
namespace millrace::log::kafka::wire {

[[nodiscard]] std::string alter_configs(std::string_view topic, const Settings& changes);
struct AlteredConfigs {
  Code error{};
  std::string reason;  ///< of the broker, for people; may be empty
};
/// No value when the response cannot be read.
[[nodiscard]] std::optional<AlteredConfigs> read_altered_configs(std::string_view body);

/// Sets settings of a topic at a broker of the cluster and waits for the response until the
/// deadline (monotonic_ns of the cluster's clock). A request that was lost is sent again: it sets
/// the same values. errc::unavailable, not_authorized, unknown_topic, refused_by_broker.
[[nodiscard]] Status alter_topic(Cluster& cluster, std::string_view client_id,
                                 const std::string& topic, const Settings& changes,
                                 std::int64_t deadline_ns);

}  // namespace millrace::log::kafka::wire
