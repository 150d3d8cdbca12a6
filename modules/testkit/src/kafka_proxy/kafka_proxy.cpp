// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/kafka_proxy.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include "kafka_proxy/loop.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit {
namespace {

kafka_proxy::Address parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  kafka_proxy::Address address;
  if (colon != std::string_view::npos) {
    address.host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    std::from_chars(port.data(), port.data() + port.size(), address.port);
  }
  if (address.host.empty() || address.port <= 0 || address.port > 65535) {
    throw TestError("'" + std::string(text) + "' is no address of a broker; write host:port");
  }
  return address;
}

std::vector<kafka_proxy::Address> parse_brokers(std::string_view text) {
  std::vector<kafka_proxy::Address> brokers;
  while (true) {
    const auto comma = text.find(',');
    brokers.push_back(parse_address(text.substr(0, comma)));
    if (comma == std::string_view::npos) return brokers;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

KafkaProxy::KafkaProxy(const std::string& brokers, KafkaTransactions transactions)
    : board_(std::make_shared<kafka_proxy::Board>()),
      loop_(std::make_unique<kafka_proxy::Loop>(board_, parse_brokers(brokers), transactions)) {
  for (const auto& address : loop_->advertised()) {
    if (!bootstrap_.empty()) bootstrap_ += ',';
    bootstrap_ += address.host + ':' + std::to_string(address.port);
  }
}

KafkaProxy::~KafkaProxy() {
  loop_.reset();
  board_->close();
}

KafkaRuleHandle KafkaProxy::add(KafkaRule rule) {
  const bool fails =
      rule.fault.kind == KafkaFault::Kind::fail || rule.fault.kind == KafkaFault::Kind::fail_after;
  if (fails && (!rule.api || !kafka_proxy::can_fail(*rule.api))) {
    throw TestError("a rule that fails requests names an api for which the proxy writes errors");
  }
  KafkaRuleHandle handle;
  handle.board_ = board_;
  handle.state_ = board_->add(std::move(rule));
  return handle;
}

void KafkaProxy::cut_all() { loop_->cut_all(); }

void KafkaProxy::refuse_connections(bool refuse) { loop_->refuse_connections(refuse); }

std::uint64_t KafkaProxy::seen(KafkaApi api) const { return board_->seen(api); }

bool KafkaProxy::wait_until_seen(KafkaApi api, std::uint64_t times, std::int64_t limit_ms) const {
  return board_->wait_seen(api, times, limit_ms);
}

bool KafkaRuleHandle::wait_until_applied(std::uint64_t times, std::int64_t limit_ms) const {
  return board_->wait_applied(state_, times, limit_ms);
}

bool KafkaRuleHandle::wait_until_answered(std::uint64_t times, std::int64_t limit_ms) const {
  return board_->wait_answered(state_, times, limit_ms);
}

void KafkaRuleHandle::release() const { board_->release(state_); }
void KafkaRuleHandle::lose() const { board_->lose(state_); }
void KafkaRuleHandle::remove() const { board_->remove(state_); }
std::uint64_t KafkaRuleHandle::applied() const { return board_->applied(state_); }

}  // namespace millrace::testkit
