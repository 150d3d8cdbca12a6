// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

// Above this the sender has to wait, as it would for a slow peer.
constexpr std::size_t buffered_bytes_max = 16 << 20;

using Kind = KafkaFault::Kind;

}  // namespace

short Connection::client_events() const {
  int events = 0;
  if (queued_bytes_ + broker_.output_size() < buffered_bytes_max) events |= POLLIN;
  if (client_.wants_write()) events |= POLLOUT;
  return static_cast<short>(events);
}

short Connection::broker_events() const {
  int events = 0;
  if (client_.output_size() < buffered_bytes_max || !client_.is_open()) events |= POLLIN;
  if (broker_.wants_write()) events |= POLLOUT;
  return static_cast<short>(events);
}

void Connection::on_client(short events, std::int32_t node, Moment now) {
  if ((events & POLLOUT) != 0) client_.on_writable();
  if ((events & (POLLIN | POLLERR | POLLHUP)) == 0) return;
  client_.read();
  while (auto frame = client_.next_frame())
    take_request(*std::move(frame), node, now);
}

void Connection::on_broker(short events, Moment now) {
  if ((events & POLLOUT) != 0) broker_.on_writable();
  if ((events & (POLLIN | POLLERR | POLLHUP)) == 0) return;
  broker_.read();
  while (auto frame = broker_.next_frame())
    take_response(*std::move(frame), now);
}

void Connection::take_request(std::string frame, std::int32_t node, Moment now) {
  auto request = decode_request(frame);
  if (!request) {
    lose_the_rest();
    return;
  }
  request->broker = node;
  Exchange exchange;
  exchange.api = request->api;
  exchange.version = request->version;
  exchange.correlation_id = request->correlation_id;
  exchange.has_response = has_response(*request);
  exchange.rule = board_->choose(*request);
  if (exchange.fault() == Kind::delay_request) {
    exchange.due = now + std::chrono::milliseconds(exchange.rule->rule.fault.delay_ms);
    strike(exchange);
  }
  exchange.frame = std::move(frame);
  queued_bytes_ += exchange.frame.size();
  exchanges_.push_back(std::move(exchange));
}

void Connection::take_response(std::string frame, Moment now) {
  WireReader reader(frame);
  reader.i32();
  const auto correlation_id = reader.i32();
  const auto found = std::ranges::find_if(exchanges_, [&](const Exchange& exchange) {
    return exchange.stage == Stage::passed_on && exchange.correlation_id == correlation_id;
  });
  if (!reader.ok() || found == exchanges_.end()) return;
  auto rewritten =
      rewrite_response(found->api, found->version, std::move(frame), advertise_, transactions_);
  if (!rewritten) {
    // Better no answer than one that leads the client around the proxy.
    client_.close();
    rewritten.emplace();
  }
  found->frame = found->failure.empty() ? *std::move(rewritten) : std::move(found->failure);
  found->stage = Stage::answered;
  if (!found->rule) return;
  if (found->fault() == Kind::delay_response) {
    found->due = now + std::chrono::milliseconds(found->rule->rule.fault.delay_ms);
    strike(*found);
  }
  board_->count_answered(found->rule);
}

void Connection::pump(Moment now) {
  pass_on(now);
  answer(now);
  broker_.flush();
  client_.flush();
  settle_ends();
}

void Connection::strike(Exchange& exchange) {
  if (!std::exchange(exchange.struck, true)) board_->count_applied(exchange.rule);
}

Connection::Step Connection::hold(Exchange& exchange) {
  const auto hold = board_->hold_of(exchange.rule);
  if (hold == Board::Hold::waits) strike(exchange);
  if (hold == Board::Hold::released) return Step::goes;
  return hold == Board::Hold::lost ? Step::is_lost : Step::waits;
}

void Connection::cut() {
  // Responses that were given before the cut arrive.
  client_.flush();
  client_.close();
}

void Connection::lose_the_rest() {
  cut();
  exchanges_.erase(exchanges_.begin() + static_cast<std::ptrdiff_t>(next_), exchanges_.end());
  queued_bytes_ = 0;
}

void Connection::pass_on(Moment now) {
  while (next_ < exchanges_.size()) {
    auto& exchange = exchanges_[next_];
    switch (exchange.fault()) {
      case Kind::delay_request:
        if (now < exchange.due) return;
        pass_on_next();
        break;
      case Kind::hold_request: {
        const auto step = hold(exchange);
        if (step == Step::waits) return;
        if (step == Step::is_lost) return lose_the_rest();
        pass_on_next();
        break;
      }
      case Kind::cut_before: {
        auto cut = std::move(exchange);
        lose_the_rest();
        strike(cut);
        return;
      }
      case Kind::fail:
        fail_next();
        break;
      case Kind::fail_after:
        fail_next_later();
        break;
      case Kind::black_hole:
        strike(exchange);
        queued_bytes_ -= exchange.frame.size();
        exchanges_.erase(exchanges_.begin() + static_cast<std::ptrdiff_t>(next_));
        break;
      case Kind::none:
      case Kind::delay_response:
      case Kind::hold_response:
      case Kind::cut_after:
        pass_on_next();
    }
  }
}

void Connection::pass_on_next() {
  auto& exchange = exchanges_[next_++];
  broker_.send(exchange.frame);
  queued_bytes_ -= exchange.frame.size();
  exchange.frame.clear();
  exchange.stage = exchange.has_response ? Stage::passed_on : Stage::answered;
  if (exchange.fault() == Kind::none && exchange.rule) strike(exchange);
}

void Connection::fail_next() {
  auto& exchange = exchanges_[next_];
  const auto request = decode_request(exchange.frame);
  auto failure = fail_request(*request, exchange.rule->rule.fault.error);
  if (!failure) {
    // No error can be written in this version; a broken connection is the nearest thing.
    lose_the_rest();
    return;
  }
  ++next_;
  queued_bytes_ -= exchange.frame.size();
  exchange.frame = exchange.has_response ? *std::move(failure) : std::string();
  exchange.stage = Stage::answered;
  strike(exchange);
}

void Connection::fail_next_later() {
  auto& exchange = exchanges_[next_];
  const auto request = decode_request(exchange.frame);
  auto failure = fail_request(*request, exchange.rule->rule.fault.error);
  if (failure) exchange.failure = *std::move(failure);
  strike(exchange);
  pass_on_next();
}

void Connection::answer(Moment now) {
  while (!exchanges_.empty() && exchanges_.front().stage == Stage::answered) {
    auto& exchange = exchanges_.front();
    if (exchange.fault() == Kind::cut_after) {
      cut();
      strike(exchange);
    } else if (client_.is_open() && exchange.fault() == Kind::delay_response) {
      if (now < exchange.due) return;
    } else if (client_.is_open() && exchange.fault() == Kind::hold_response) {
      const auto step = hold(exchange);
      if (step == Step::waits) return;
      if (step == Step::is_lost) cut();
    }
    client_.send(exchange.frame);
    exchanges_.pop_front();
    --next_;
  }
}

void Connection::settle_ends() {
  if (!broker_.is_open()) {
    // What the broker has not answered, it never will; what it has answered still gets through.
    const auto open = std::ranges::find_if(
        exchanges_, [](const Exchange& exchange) { return exchange.stage != Stage::answered; });
    exchanges_.erase(open, exchanges_.end());
    next_ = exchanges_.size();
    queued_bytes_ = 0;
    if (exchanges_.empty() && !client_.has_output()) client_.close();
  } else if (!client_.is_open() && exchanges_.empty() && !broker_.wants_write() &&
             !std::exchange(finished_writing_, true)) {
    broker_.finish_writing();
  }
}

std::optional<Connection::Moment> Connection::next_due() const {
  std::optional<Moment> due;
  if (next_ < exchanges_.size() && exchanges_[next_].fault() == Kind::delay_request) {
    due = exchanges_[next_].due;
  }
  if (!exchanges_.empty()) {
    const auto& front = exchanges_.front();
    if (front.stage == Stage::answered && front.fault() == Kind::delay_response) {
      due = due ? std::min(*due, front.due) : front.due;
    }
  }
  return due;
}

}  // namespace millrace::testkit::kafka_proxy
