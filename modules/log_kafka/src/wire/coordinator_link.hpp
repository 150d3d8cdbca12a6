// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/cluster.hpp"
#include "wire/connection.hpp"
#include "wire/messages.hpp"

namespace millrace::log::kafka::wire {

/// When a request is sent again.
struct RetryPolicy {
  std::int64_t answer_ns = 0;  ///< a request unanswered for so long is sent again elsewhere
  std::int64_t pause_ns = 0;   ///< before what was refused for the moment is tried again
  std::int64_t loss_ns = 0;    ///< longer still, when that was a connection that was lost

  /// That of a client: it waits for a response for `socket.timeout.ms`, at most 15 s.
  [[nodiscard]] static RetryPolicy of(const ClientConfig& config);
  /// The same for what was refused so many times before, one after the other: ever longer.
  [[nodiscard]] std::int64_t pause_after(unsigned refusals) const {
    constexpr unsigned max_doublings = 5;
    return pause_ns << std::min(refusals, max_doublings);
  }
};

/// What a response means for the question.
enum class ResponseOutcome : std::uint8_t {
  done,       ///< answered, for good or bad
  again,      ///< not now
  elsewhere,  ///< another broker is the coordinator
};

/// Asks the coordinator of a transactional id or of a group, wherever it is, until it has answered.
/// turn() goes as far as it can without waiting for a response. One thread at a time.
class CoordinatorLink {
 public:
  static constexpr std::int64_t no_deadline_ns = std::numeric_limits<std::int64_t>::max();

  CoordinatorLink(Cluster& cluster, std::string client_id, std::string key, CoordinatorKind kind,
                  const RetryPolicy& retry_policy);

  /// `handle` receives what comes of a question, and keeps what it needs of the response: an error
  /// with which nothing was asked, or none and the response.
  using ResponseHandler = std::function<ResponseOutcome(Code error, std::string_view body)>;
  void ask(Api api, std::string body, ResponseHandler handle) {
    ask(api, spoken(api).lowest, std::move(body), std::move(handle));
  }
  /// The same in this version. With RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION when the coordinator does
  /// not take it.
  void ask(Api api, std::int16_t version, std::string body, ResponseHandler handle);
  /// Only a question to the cluster for its brokers is waited for, for a second and not beyond
  /// `deadline_ns`.
  void turn(std::int64_t now_ns, std::int64_t deadline_ns = no_deadline_ns);
  [[nodiscard]] bool is_done() const { return questions_.empty(); }
  /// Whether a question got lost, since all were answered last, that may have been carried out.
  [[nodiscard]] bool lost_one() const { return lost_one_; }
  /// Sends no more of what was asked; what is under way is still answered.
  void stop();
  /// Whether an answer to a question is still to come.
  [[nodiscard]] bool is_waiting() const;
  /// Forgets what was asked and not answered. What was sent of it may be carried out.
  void drop();

  /// The version of transactions that the coordinator named last: see Connection::transactions().
  [[nodiscard]] std::int16_t transactions() const { return transactions_; }

  /// What to wait for; nothing when it waits for the time alone.
  [[nodiscard]] Connection* connection() const { return connection_.get(); }
  [[nodiscard]] std::int64_t due_ns(std::int64_t now_ns) const;
  /// Why it is not done yet, as far as that is known.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  /// Whether a connection broke, since all were answered last, because its broker does not take
  /// requests as they are sent here: no retry helps.
  [[nodiscard]] bool is_refused() const { return refused_; }

 private:
  struct Question {
    Api api;
    std::int16_t version;
    std::string body;
    ResponseHandler handle;
    std::int32_t number = -1;  ///< -1: not under way
  };
  void send();
  bool find_or_connect(std::int64_t now_ns, std::int64_t deadline_ns);
  void connect(const net::Address& address);
  void take_coordinator(const Answer& answer, std::int64_t now_ns);
  void take(const Answer& answer, std::int64_t now_ns);
  void lose(std::string why, std::int64_t now_ns);
  void refuse(Code code);
  void pause(std::int64_t now_ns);

  Cluster& cluster_;
  const std::string client_id_;
  const std::string key_;
  const CoordinatorKind kind_;
  const RetryPolicy retry_policy_;
  std::optional<net::Address> coordinator_;
  bool finding_ = false;  ///< the connection is one for finding the coordinator
  std::unique_ptr<Connection> connection_;
  std::vector<Question> questions_;  // in the order in which they are asked
  std::int64_t due_ns_ = 0;          // nothing is asked before
  unsigned refusals_ = 0;            // one after the other
  bool lost_one_ = false;
  bool stopped_ = false;
  bool refused_ = false;
  std::int16_t transactions_ = 0;
  std::string trouble_;
};

}  // namespace millrace::log::kafka::wire
