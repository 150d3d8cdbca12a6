// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/loop.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit::kafka_proxy {

Loop::Loop(std::shared_ptr<Board> board, const std::vector<Address>& brokers,
           KafkaTransactions transactions)
    : board_(std::move(board)), transactions_(transactions) {
  for (const auto& broker : brokers) {
    const auto endpoint = resolve(broker);
    if (!endpoint) throw TestError("the Kafka proxy knows no address of " + broker.host);
    advertised_.push_back({"127.0.0.1", open_gate(*endpoint).port.number()});
  }
  thread_ = std::thread([this] { run(); });
}

Loop::~Loop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  board_->waker().wake();
  thread_.join();
}

void Loop::cut_all() {
  run_there([this] {
    for (auto& passage : passages_)
      passage.connection->cut();
  });
}

void Loop::refuse_connections(bool refuse) {
  run_there([this, refuse] {
    refuses_ = refuse;
    for (auto& gate : gates_) {
      if (refuse) {
        gate->port.close();
      } else {
        gate->port.listen();
      }
    }
  });
}

void Loop::run_there(std::function<void()> task) {
  MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  const auto number = ++tasks_given_;
  board_->waker().wake();
  while (tasks_run_ < number) {
    changed_.wait(lock);
  }
}

void Loop::run_tasks() {
  const MutexLock lock(mutex_);
  for (const auto& task : tasks_)
    task();
  tasks_run_ += tasks_.size();
  tasks_.clear();
  changed_.notify_all();
}

void Loop::run() {
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
    }
    turn();
  }
}

void Loop::turn() {
  std::vector<pollfd> polled{{board_->waker().fd(), POLLIN, 0}};
  const auto passages = passages_.size();
  for (const auto& passage : passages_) {
    const auto& connection = *passage.connection;
    polled.push_back({connection.client_fd(), connection.client_events(), 0});
    polled.push_back({connection.broker_fd(), connection.broker_events(), 0});
  }
  const auto gates = gates_.size();
  for (const auto& gate : gates_)
    polled.push_back({gate->port.fd(), POLLIN, 0});
  ::poll(polled.data(), polled.size(), poll_timeout_ms(std::chrono::steady_clock::now()));

  const auto now = std::chrono::steady_clock::now();
  board_->waker().drain();
  for (std::size_t i = 0; i < passages; ++i) {
    auto& passage = passages_[i];
    passage.connection->on_client(polled[1 + 2 * i].revents, passage.gate->node, now);
    passage.connection->on_broker(polled[2 + 2 * i].revents, now);
  }
  for (std::size_t i = 0; i < gates; ++i) {
    if ((polled[1 + 2 * passages + i].revents & POLLIN) != 0) accept_from(*gates_[i]);
  }
  run_tasks();
  for (auto& passage : passages_)
    passage.connection->pump(now);
  std::erase_if(passages_, [](const Passage& passage) { return passage.connection->is_over(); });
}

void Loop::accept_from(Gate& gate) {
  auto client = gate.port.accept();
  if (!client.is_open()) return;
  passages_.push_back({&gate, std::make_unique<Connection>(
                                  std::move(client), begin_connect(gate.broker), *board_,
                                  [this](std::int32_t node, const Address& broker) {
                                    return advertise(node, broker);
                                  },
                                  transactions_)});
}

Loop::Gate& Loop::open_gate(const Endpoint& broker) {
  for (auto& gate : gates_) {
    if (gate->broker == broker) return *gate;
  }
  auto gate = std::make_unique<Gate>();
  gate->broker = broker;
  if (!refuses_) gate->port.listen();
  return *gates_.emplace_back(std::move(gate));
}

std::optional<Address> Loop::advertise(std::int32_t node, const Address& broker) {
  const auto endpoint = resolve(broker);
  if (!endpoint) return std::nullopt;
  try {
    auto& gate = open_gate(*endpoint);
    gate.node = node;
    return Address{"127.0.0.1", gate.port.number()};
  } catch (const TestError&) {
    return std::nullopt;
  }
}

int Loop::poll_timeout_ms(Connection::Moment now) const {
  std::optional<Connection::Moment> first;
  for (const auto& passage : passages_) {
    const auto due = passage.connection->next_due();
    if (due && (!first || *due < *first)) first = due;
  }
  if (!first) return -1;
  // Rounded up, so that it is due on waking.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - now).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

}  // namespace millrace::testkit::kafka_proxy
