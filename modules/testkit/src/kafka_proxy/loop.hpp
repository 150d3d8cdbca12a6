// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kafka_proxy/connection.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::testkit::kafka_proxy {

/// The proxy's thread: the ports that stand for brokers and the connections through them.
class Loop {
 public:
  /// Throws TestError when an address cannot be resolved or no port be had.
  Loop(std::shared_ptr<Board> board, const std::vector<Address>& brokers,
       KafkaTransactions transactions);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// The ports of the brokers that the constructor was given, in their order.
  [[nodiscard]] const std::vector<Address>& advertised() const { return advertised_; }
  void cut_all();
  void refuse_connections(bool refuse);

 private:
  struct Gate {
    Endpoint broker;
    std::int32_t node = -1;
    Port port;
  };
  struct Passage {
    Gate* gate;
    std::unique_ptr<Connection> connection;
  };

  /// Runs it on the thread and waits until it has run.
  void run_there(std::function<void()> task);
  void run_tasks();
  void run();
  void turn();
  void accept_from(Gate& gate);
  Gate& open_gate(const Endpoint& broker);
  /// Makes a gate for a broker that was not known.
  std::optional<Address> advertise(std::int32_t node, const Address& broker);
  [[nodiscard]] int poll_timeout_ms(Connection::Moment now) const;

  std::shared_ptr<Board> board_;
  const KafkaTransactions transactions_;
  std::vector<std::unique_ptr<Gate>> gates_;
  std::vector<Passage> passages_;
  bool refuses_ = false;
  std::vector<Address> advertised_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::function<void()>> tasks_ MILLRACE_GUARDED_BY(mutex_);
  std::uint64_t tasks_given_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::uint64_t tasks_run_ MILLRACE_GUARDED_BY(mutex_) = 0;
  bool stopping_ MILLRACE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace::testkit::kafka_proxy
