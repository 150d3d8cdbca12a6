// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::cli {

/// What a service reads, keeps and writes, as its `--describe json` tells.
struct ServiceDescription {
  struct Topic {
    std::string name;
    std::string kind;  ///< `events`, `commands` or `private`
  };
  struct Part {
    std::string name;
    std::vector<std::string> sources;
    std::vector<std::string> sinks;
  };
  std::string service;
  std::vector<Part> parts;
  std::vector<Topic> topics;  ///< its own
  /// Beyond its topology: what its HTTP side and other code of its own use.
  std::vector<std::string> more_read = {};
  std::vector<std::string> more_written = {};
  std::vector<std::string> more_deleted = {};
};

/// The descriptions in a text, one JSON object after the other. errc::invalid_argument says what
/// was expected; `where` names the text.
[[nodiscard]] Result<std::vector<ServiceDescription>> parse_descriptions(std::string_view text,
                                                                         const std::string& where);

/// A cluster and what stands before all names there.
struct KafkaAddress {
  std::string bootstrap;
  std::string prefix;  ///< empty or ending in '.'
};
/// Of `kafka://host:port,.../prefix?...`; nothing for another URL.
[[nodiscard]] std::optional<KafkaAddress> kafka_address_of(const std::string& url);

/// One resource and the operations on it that are to be allowed.
struct Acl {
  std::string resource;  ///< `topic`, `group` or `transactional-id`, as kafka-acls has it
  bool prefixed = false;
  std::string name;
  std::vector<std::string> operations;
  std::string reason;
  friend bool operator==(const Acl&, const Acl&) = default;
};

/// How the topics are granted that only the service itself uses.
enum class OwnTopics : std::uint8_t {
  by_prefix,  ///< `<service>.`: also by the names that earlier builds gave them, or a reset gives
  exactly     ///< by the names that this build gives them
};
/// What a process of the service needs on a cluster with ACLs. Read and Write imply Describe there.
/// docs/guide/kafka.md tells what each is for.
[[nodiscard]] std::vector<Acl> acls_of(const ServiceDescription& service, const std::string& prefix,
                                       OwnTopics own = OwnTopics::by_prefix);
/// Topics that begin with `<service>.` and are not its own, as far as the descriptions name them:
/// OwnTopics::by_prefix would let the service write there. `name.*`: those of a service.
[[nodiscard]] std::vector<std::string> strangers_in_prefix(
    const ServiceDescription& service, const std::vector<ServiceDescription>& all);
/// What the commands need that only look (topics, tail, trace, groups, dead-letters list).
[[nodiscard]] std::vector<Acl> acls_of_reader(const std::string& prefix);

/// Lines for a shell: kafka-acls.sh, one for all resources of a kind with the same operations.
[[nodiscard]] std::vector<std::string> acl_commands(const std::vector<Acl>& acls,
                                                    const std::string& principal,
                                                    const std::string& bootstrap,
                                                    const std::string& command_config);

}  // namespace millrace::cli
