// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "counter.hpp"

#include <utility>
#include <vector>

#include "millrace/codec/describe.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/log/errors.hpp"
#include "wallets.hpp"

namespace wallets {

namespace codec = millrace::codec;
using millrace::Result;
using millrace::Status;
using millrace::http::problem;
using millrace::http::problem_retry;
using millrace::http::Request;
using millrace::http::Responder;
using millrace::http::Response;

namespace {

struct Body {
  std::int64_t pence = 0;
};
BOOST_DESCRIBE_STRUCT(Body, (), (pence))

struct Balance {
  std::string wallet;
  std::int64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (wallet, balance))

Response json(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response unavailable(const millrace::Error& error) {
  return problem_retry(503, std::chrono::seconds(1), error.code().name, error.message());
}

}  // namespace

Result<std::shared_ptr<Counter>> Counter::open(millrace::service::Context& context) {
  MILLRACE_ASSIGN(auto commands, (context.writer<std::string, MoveMoney>(commands_topic)));
  MILLRACE_ASSIGN(auto answers, (context.instance.view<std::string, Answer>(answers_store)));
  MILLRACE_ASSIGN(auto balances,
                  (context.instance.view<std::string, std::int64_t>(balances_store)));
  return std::shared_ptr<Counter>(
      new Counter(context, std::move(commands), std::move(answers), std::move(balances)));
}

Counter::Counter(millrace::service::Context& context, Commands commands, Answers answers,
                 Balances balances)
    : context_(context),
      commands_(std::move(commands)),
      answers_(std::move(answers)),
      balances_(std::move(balances)) {}

// [request]
void Counter::move(const Request& request, Responder responder) {
  const Result<Body> body = codec::from_json<Body>(request.body);
  if (!body)
    return responder.send(problem(400, body.error().code().name, "", body.error().message()));
  const std::string move(request.param("move"));
  {
    const millrace::MutexLock lock(mutex_);
    waiting_.emplace(move,
                     std::move(responder));  // before the append, so that no outcome passes unseen
  }
  const Status taken = commands_.write(
      std::string(request.param("wallet")), MoveMoney{move, body->pence},
      {.id = move, .correlation = move},
      [self = shared_from_this(), move](const Result<millrace::log::LogPosition>& committed) {
        if (!committed) self->refuse(move, committed.error());
      });
  if (!taken) refuse(move, taken.error());
  look();  // a move that was made before has its answer already
}
// [request]

// [answer]
void Counter::look() {
  std::vector<std::pair<Responder, millrace::stream::Answer<std::optional<Answer>>>> answered;
  {
    const millrace::MutexLock lock(mutex_);
    for (auto one = waiting_.begin(); one != waiting_.end();) {
      auto answer = answers_.get(one->first);
      if (!answer || !answer->value) {
        ++one;
        continue;
      }
      answered.emplace_back(std::move(one->second), *std::move(answer));
      one = waiting_.erase(one);
    }
  }
  for (auto& [responder, answer] : answered) {
    send_when_durable(answer.position,
                      json(answer.value->accepted ? 200 : 409, codec::to_json(*answer.value)),
                      std::move(responder));
  }
}

void Counter::send_when_durable(millrace::log::LogPosition position, Response response,
                                Responder responder) const {
  auto held =
      std::make_shared<std::pair<Response, Responder>>(std::move(response), std::move(responder));
  context_.durability.when_durable(position, [held](const Status& status) {
    held->second.send(status ? std::move(held->first) : unavailable(status.error()));
  });
}
// [answer]

// [view]
void Counter::balance(const Request& request, Responder responder) const {
  const std::string wallet(request.param("wallet"));
  const auto balance = balances_.get(wallet);
  if (!balance) return responder.send(unavailable(balance.error()));
  send_when_durable(balance->position,
                    json(200, codec::to_json(Balance{wallet, balance->value.value_or(0)})),
                    std::move(responder));
}
// [view]

void Counter::refuse(const std::string& move, const millrace::Error& error) {
  std::vector<Responder> refused;
  {
    const millrace::MutexLock lock(mutex_);
    const auto [begin, end] = waiting_.equal_range(move);
    for (auto one = begin; one != end; ++one)
      refused.push_back(std::move(one->second));
    waiting_.erase(begin, end);
  }
  // What is wrong with the move itself, as a number beyond what JSON holds, stays wrong.
  const int status = error.is(millrace::errc::invalid_argument) ? 422
                     : error.is(millrace::log::errc::too_large) ? 413
                                                                : 503;
  for (Responder& responder : refused) {
    responder.send(status == 503 ? unavailable(error)
                                 : problem(status, error.code().name, "", error.message()));
  }
}

}  // namespace wallets
