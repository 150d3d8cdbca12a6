// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/client.hpp"
#include "millrace/http/responder.hpp"
#include "millrace/service/entries.hpp"
#include "millrace/service/instances.hpp"

namespace millrace::service {

/// Is in a request that an instance forwards, and names that instance: the request is not forwarded
/// again.
inline constexpr std::string_view forwarded_header = "Millrace-Forwarded";
/// Is in the response to a request that was forwarded, and names the instance that responded.
inline constexpr std::string_view owner_header = "Millrace-Owner";

/// Sends queries to the instances of this service that have what is asked for. Thread-safe.
class Forwarder {
 public:
  /// A query that this instance cannot respond to.
  struct Query {
    std::string target;            ///< path and query
    const http::Headers& headers;  ///< of its request
    const Error& refused;          ///< why not: of the 503 when no other instance does
  };

  /// `instances` outlives it. `self` is the name of this instance.
  Forwarder(const Instances& instances, std::string service, std::function<std::string()> self,
            std::chrono::milliseconds timeout = std::chrono::seconds(10));
  /// What is under way gets 503 before this returns.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  /// Responds with what the owner of the partition responds to the same query, in one hop. 503 with
  /// `Retry-After` when there is no owner, it does not respond in time, or the query was forwarded
  /// already. Does not block.
  void forward(const Query& query, const EntryPartition& where, http::Responder responder) const;

 private:
  using Pool = std::shared_ptr<http::ClientPool>;
  [[nodiscard]] Result<Pool> pool(const std::string& address) const;

  const Instances& instances_;
  std::string service_;
  std::function<std::string()> self_;
  std::chrono::milliseconds timeout_;
  mutable Mutex mutex_;
  mutable std::map<std::string, Pool> pools_ MILLRACE_GUARDED_BY(mutex_);  // by address
};

}  // namespace millrace::service
