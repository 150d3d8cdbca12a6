// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <memory>
#include <string>

#include "millrace/base/mutex.hpp"
#include "millrace/http/responder.hpp"
#include "millrace/http/router.hpp"
#include "millrace/service/service.hpp"
#include "wallets.hpp"

namespace wallets {

/// Where HTTP requests wait for what the topology makes of them. Thread-safe.
class Counter : public std::enable_shared_from_this<Counter> {
 public:
  /// `context` outlives the counter. Fails as Context::writer() and Instance::view().
  [[nodiscard]] static millrace::Result<std::shared_ptr<Counter>> open(
      millrace::service::Context& context);

  /// PUT /wallets/{wallet}/moves/{move} with {"pence": N}.
  void move(const millrace::http::Request& request, millrace::http::Responder responder);
  /// GET /wallets/{wallet}.
  void balance(const millrace::http::Request& request, millrace::http::Responder responder) const;
  /// Answers those whose outcome is committed; called after each step of the topology.
  void look();

 private:
  using Commands = millrace::stream::Writer<std::string, MoveMoney>;
  using Answers = millrace::stream::View<std::string, Answer>;
  using Balances = millrace::stream::View<std::string, std::int64_t>;
  Counter(millrace::service::Context& context, Commands commands, Answers answers,
          Balances balances);
  void send_when_durable(millrace::log::LogPosition position, millrace::http::Response response,
                         millrace::http::Responder responder) const;
  void refuse(const std::string& move, const millrace::Error& error);

  millrace::service::Context& context_;
  const Commands commands_;
  const Answers answers_;
  const Balances balances_;
  millrace::Mutex mutex_;
  std::multimap<std::string, millrace::http::Responder>
      waiting_;  // by move; bounded by --max-in-flight
};

}  // namespace wallets
