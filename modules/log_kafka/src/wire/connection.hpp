// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/net/socket.hpp"
#include "millrace/net/stream.hpp"
#include "wire/broker_versions.hpp"
#include "wire/protocol.hpp"
#include "wire/security.hpp"

namespace millrace::log::kafka::wire {

/// An answer of a broker.
struct Answer {
  std::int32_t number = 0;                   ///< of the request, as send() returned
  std::shared_ptr<const std::string> frame;  ///< owns the body
  std::string_view body;
};

/// So much of a session is left when its connection is replaced, in ms: a tenth of it to a fifth,
/// time enough for what is asked last. Which part depends on the time of the login, so that
/// connections that were made together do not log in again together.
[[nodiscard]] std::int64_t session_left_ms(std::int64_t session_ms, std::int64_t login_ns);

/// A connection with one broker, without blocking. The broker carries its requests out one after
/// the other and responds in their order. Whatever goes wrong breaks it for good: what was sent and
/// not answered may have been carried out or not. One thread at a time.
///
/// Where one logs in, that is done before anything else goes out. A broker may give a session an
/// end, after which it would cut the connection: some time before that the connection breaks by
/// itself, as soon as nothing waits for an answer; where one logs in by tokens and there is none
/// for the next session, only when this one is over.
class Connection {
 public:
  /// Begins to connect; what goes wrong shows later. Without a security in the open, as nobody. The
  /// addresses of the host share the time to connect (net::Socket). The clock outlives it.
  Connection(const net::Address& address, std::string_view client_id, Clock& clock,
             const Security* security = nullptr,
             std::int64_t connect_timeout_ns = net::Socket::default_timeout_ns);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes a request to be sent; the number it is answered under. In the only version that is
  /// spoken here.
  std::int32_t send(Api api, std::string_view body);
  /// The same, in this version: one that version() returned.
  std::int32_t send(Api api, std::int16_t version, std::string_view body);
  /// Whether the broker has said which versions it takes.
  [[nodiscard]] bool knows_versions() const { return versions_.has_value(); }
  /// The highest version of a request that both sides speak. No value when there is none, or the
  /// broker has not said yet what it takes.
  [[nodiscard]] std::optional<std::int16_t> version(Api api) const {
    return versions_ ? versions_->common(api) : std::nullopt;
  }
  /// Whether the broker has said that it takes this version.
  [[nodiscard]] bool takes(Api api, std::int16_t version) const {
    return versions_ && versions_->takes(api, version);
  }
  /// The version of transactions that the broker's cluster has switched on, as the broker said when
  /// it was connected: a change is noticed by the next connection. 0 before the broker has said it.
  [[nodiscard]] std::int16_t transactions() const {
    return versions_ ? versions_->transactions() : std::int16_t{0};
  }
  /// Sends and receives what can be without waiting.
  void advance();
  /// The next whole answer, if there is one.
  [[nodiscard]] std::optional<Answer> take();

  [[nodiscard]] bool is_broken() const { return error_.has_value(); }
  /// Why it is broken: errc::unavailable, also when the broker lets us not in, or
  /// errc::refused_by_broker when the broker does not speak a version that is needed.
  [[nodiscard]] const Error& error() const { return *error_; }
  /// Requests that wait for their answer.
  [[nodiscard]] std::size_t waiting() const { return sent_.size() + held_.size(); }
  /// When the oldest of them was sent (Clock::monotonic_ns); nothing when there is none.
  [[nodiscard]] std::optional<std::int64_t> waiting_since_ns() const;
  /// When it breaks by itself (Clock::monotonic_ns); nothing as long as no end is known.
  [[nodiscard]] std::optional<std::int64_t> session_end_ns() const { return session_end_ns_; }
  /// For poll().
  [[nodiscard]] int descriptor() const { return stream_->descriptor(); }
  [[nodiscard]] short events() const;
  /// When advance() is to be called although poll() reports nothing, as Stream::connect_due_ns().
  [[nodiscard]] std::optional<std::int64_t> connect_due_ns() const {
    return stream_->connect_due_ns();
  }
  void break_off(Error why);
  /// Breaks the connection because its stream failed; the stream's message begins with the address.
  void lose_stream(const Error& why);

 private:
  struct Request {
    Api api;
    std::int16_t version;
    std::int32_t number;
    std::int64_t sent_ns;
  };
  void put(Api api, std::int16_t version, std::string_view body, std::string& bytes,
           std::deque<Request>& requests);
  void write_out();
  void read_in();
  bool read_some(char* to, std::size_t wanted, std::size_t& done);
  void finish_frame();
  void check_versions(std::string_view body);
  void go_on_with_login(const Answer& answer, Api api);
  void log_in(SaslLogin::Request request);
  void let_out();
  void end_session();
  [[nodiscard]] Status check_token() const;
  [[nodiscard]] std::string named() const { return "the broker at " + stream_->address().text(); }

  const std::string client_id_;
  Clock& clock_;
  const std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<SaslLogin> login_;            // null: done, or none is needed
  const KafkaTokenSource token_;                // empty: logs in otherwise
  std::optional<std::int64_t> session_end_ns_;  // breaks then
  std::int64_t session_over_ns_ = 0;            // the broker ends it then
  std::optional<Error> error_;
  std::optional<BrokerVersions> versions_;  // once the broker has said them
  std::int32_t last_number_ = 0;
  std::string output_;
  std::size_t written_ = 0;
  std::deque<Request> sent_;
  std::string held_output_;   // until the broker let us in
  std::deque<Request> held_;  // what it is
  char size_[4] = {};
  std::size_t size_read_ = 0;
  std::shared_ptr<std::string> frame_;  // being read
  std::size_t frame_read_ = 0;
  std::deque<Answer> answers_;
};

/// Sleeps until one of them can continue, `wake` (a descriptor, or -1) is readable or the time has
/// come (the clock's monotonic_ns), and lets all of them continue.
void advance_all(std::span<Connection* const> connections, int wake, std::int64_t deadline_ns,
                 Clock& clock);

}  // namespace millrace::log::kafka::wire
