// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/net/socket.hpp"
#include "units.hpp"

namespace millrace::log::kafka::wire {
namespace {

// As the broker's socket.request.max.bytes: a size above it is no size.
constexpr std::int32_t max_frame_bytes = 100 << 20;

constexpr Api needed[] = {Api::produce,
                          Api::fetch,
                          Api::offset_fetch,
                          Api::find_coordinator,
                          Api::init_producer_id,
                          Api::add_partitions_to_txn,
                          Api::add_offsets_to_txn,
                          Api::end_txn,
                          Api::txn_offset_commit};
constexpr Api needed_to_log_in[] = {Api::sasl_handshake, Api::sasl_authenticate};

std::unique_ptr<net::Stream> connect(const net::Address& address, Clock& clock,
                                     const Security* security, std::int64_t timeout_ns) {
  if (security == nullptr) return std::make_unique<net::Socket>(address, clock, timeout_ns);
  return security->connect(address, clock, timeout_ns);
}

}  // namespace

std::int64_t session_left_ms(std::int64_t session_ms, std::int64_t login_ns) {
  // 2^64 by the golden ratio: the high bits of the product differ for times that are close.
  const std::uint64_t mixed = static_cast<std::uint64_t>(login_ns) * 0x9e37'79b9'7f4a'7c15U;
  const std::int64_t tenth = session_ms / 10;
  return tenth + tenth * static_cast<std::int64_t>(mixed >> 54U) / 1024;
}

Connection::Connection(const net::Address& address, std::string_view client_id, Clock& clock,
                       const Security* security, std::int64_t connect_timeout_ns)
    : client_id_(client_id),
      clock_(clock),
      stream_(connect(address, clock, security, connect_timeout_ns)),
      login_(security == nullptr ? nullptr : security->login()),
      token_(security == nullptr ? KafkaTokenSource() : security->token()) {
  // A broker is not bothered for nothing.
  if (const Status token = check_token(); !token) {
    break_off({errc::unavailable, named() + ": " + token.error().message()});
    return;
  }
  // Answered before all others, so that a broker that is too old is called so.
  put(Api::api_versions, spoken(Api::api_versions).lowest, ask_versions(), output_, sent_);
  // Nothing to wait for where it is clear at once.
  if (const Status status = stream_->try_connect(); !status) {
    lose_stream(status.error());
  } else if (stream_->is_connected()) {
    write_out();
  }
}

void Connection::put(Api api, std::int16_t version, std::string_view body, std::string& bytes,
                     std::deque<Request>& requests) {
  Encoder header;
  header.number(static_cast<std::int16_t>(api));
  header.number(version);
  header.number(++last_number_);
  header.string(client_id_);
  // The client id before them is a string of the old form in all versions.
  if (is_flexible(api, version)) header.number<std::int8_t>(0);
  const std::string head = header.take();
  char size[4];
  store_big(size, static_cast<std::int32_t>(head.size() + body.size()));
  bytes.reserve(bytes.size() + sizeof size + head.size() + body.size());
  bytes.append(size, sizeof size).append(head).append(body);
  requests.push_back({api, version, last_number_, clock_.monotonic_ns()});
}

std::int32_t Connection::send(Api api, std::string_view body) {
  MILLRACE_ASSERT(spoken(api).lowest == spoken(api).highest, "the caller chooses a version");
  return send(api, spoken(api).lowest, body);
}

std::int32_t Connection::send(Api api, std::int16_t version, std::string_view body) {
  if (login_ != nullptr) {
    put(api, version, body, held_output_, held_);
    return last_number_;
  }
  if (written_ == output_.size()) {
    output_.clear();
    written_ = 0;
  }
  put(api, version, body, output_, sent_);
  if (stream_->is_connected() && !is_broken()) write_out();
  return last_number_;
}

short Connection::events() const { return stream_->events(written_ < output_.size()); }

std::optional<std::int64_t> Connection::waiting_since_ns() const {
  if (!sent_.empty()) return sent_.front().sent_ns;
  if (!held_.empty()) return held_.front().sent_ns;
  return std::nullopt;
}

void Connection::lose_stream(const Error& why) {
  break_off({errc::unavailable, "the broker at " + why.message()});
}

void Connection::break_off(Error why) {
  if (!error_) error_ = std::move(why);
  stream_->close();
}

void Connection::advance() {
  if (is_broken()) return;
  if (!stream_->is_connected()) {
    if (const Status status = stream_->try_connect(); !status) {
      lose_stream(status.error());
    }
    if (is_broken() || !stream_->is_connected()) return;
  }
  write_out();
  if (!is_broken()) read_in();
  if (!is_broken()) end_session();
}

void Connection::end_session() {
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (!session_end_ns_ || waiting() > 0 || now_ns < *session_end_ns_) return;
  if (now_ns < session_over_ns_ && !check_token()) return;
  break_off({errc::unavailable, named() + ": the session ends, it is to be logged in again"});
}

Status Connection::check_token() const {
  if (token_) MILLRACE_TRY(token_());
  return {};
}

void Connection::write_out() {
  while (written_ < output_.size()) {
    const auto sent = stream_->write(std::string_view(output_).substr(written_));
    if (!sent) {
      return lose_stream(sent.error());
    }
    if (*sent == 0) return;
    written_ += *sent;
  }
}

/// False when there is no more for now.
bool Connection::read_some(char* to, std::size_t wanted, std::size_t& done) {
  const auto taken = stream_->read({to + done, wanted - done});
  if (!taken) {
    lose_stream(taken.error());
    return false;
  }
  done += *taken;
  return *taken > 0;
}

void Connection::read_in() {
  for (;;) {
    if (frame_ == nullptr) {
      if (!read_some(size_, sizeof size_, size_read_)) return;
      if (size_read_ < sizeof size_) continue;
      const auto size = load_big<std::int32_t>(size_);
      if (size < 4 || size > max_frame_bytes)
        return break_off({errc::unavailable, named() + " does not speak Kafka's protocol"});
      frame_ = std::make_shared<std::string>();
      frame_->resize_and_overwrite(static_cast<std::size_t>(size), [=](char*, std::size_t) {
        return static_cast<std::size_t>(size);
      });
    }
    if (!read_some(frame_->data(), frame_->size(), frame_read_)) return;
    if (frame_read_ < frame_->size()) continue;
    finish_frame();
    if (is_broken()) return;
  }
}

void Connection::finish_frame() {
  const std::shared_ptr<std::string> frame = std::exchange(frame_, nullptr);
  size_read_ = 0;
  frame_read_ = 0;
  const auto number = load_big<std::int32_t>(frame->data());
  if (sent_.empty() || sent_.front().number != number)
    return break_off({errc::unavailable, named() + " sent a response that was not asked for"});
  const Api api = sent_.front().api;
  // That of ApiVersions is never flexible: a client reads it before it knows the broker.
  Decoder header(std::string_view(*frame).substr(4),
                 api != Api::api_versions && is_flexible(api, sent_.front().version));
  sent_.pop_front();
  header.tags();
  if (!header.ok())
    return break_off({errc::unavailable, named() + " does not speak Kafka's protocol"});
  Answer answer{number, frame, header.rest()};
  if (api == Api::api_versions) check_versions(answer.body);
  if (is_broken()) return;
  if (login_ != nullptr) return go_on_with_login(answer, api);
  if (api != Api::api_versions) answers_.push_back(std::move(answer));
}

void Connection::go_on_with_login(const Answer& answer, Api api) {
  if (api == Api::api_versions) return log_in(login_->begin());
  auto next = login_->answer(answer.body);
  if (!next) {
    return break_off({errc::unavailable, named() + ": " + next.error().message()});
  }
  if (*next) return log_in(**std::move(next));
  if (const std::int64_t session_ms = login_->session_ms(); session_ms > 0) {
    const std::int64_t now_ns = clock_.monotonic_ns();
    session_over_ns_ = now_ns + session_ms * ms;
    session_end_ns_ = session_over_ns_ - session_left_ms(session_ms, now_ns) * ms;
  }
  let_out();
}

void Connection::log_in(SaslLogin::Request request) {
  put(request.api, spoken(request.api).lowest, request.body, output_, sent_);
  write_out();
}

void Connection::let_out() {
  login_.reset();
  output_.erase(0, std::exchange(written_, 0));
  output_.append(std::exchange(held_output_, {}));
  for (const Request& request : std::exchange(held_, {}))
    sent_.push_back(request);
  write_out();
}

void Connection::check_versions(std::string_view body) {
  if (BrokerVersions::is_unknown_question(body))
    return break_off(
        {errc::refused_by_broker, named() + " does not take ApiVersions in version " +
                                      std::to_string(spoken(Api::api_versions).lowest) +
                                      ": Millrace needs Apache Kafka 2.5 or later"});
  versions_ = BrokerVersions::read(body);
  if (!versions_)
    return break_off({errc::unavailable, named() + " does not speak Kafka's protocol"});
  std::optional<std::string> missing = versions_->missing(needed);
  if (!missing && login_ != nullptr) missing = versions_->missing(needed_to_log_in);
  if (missing) break_off({errc::refused_by_broker, named() + " " + *missing});
}

std::optional<Answer> Connection::take() {
  if (answers_.empty()) return std::nullopt;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void advance_all(std::span<Connection* const> connections, int wake, std::int64_t deadline_ns,
                 Clock& clock) {
  std::vector<pollfd> watched;
  watched.push_back({wake, POLLIN, 0});
  for (Connection* const one : connections) {
    watched.push_back({one->is_broken() ? -1 : one->descriptor(), one->events(), 0});
    deadline_ns = std::min(deadline_ns, one->connect_due_ns().value_or(deadline_ns));
  }
  const std::int64_t left_ns = deadline_ns - clock.monotonic_ns();
  // Rounded up: a thread that wakes before the time would turn in circles until it has come.
  const auto left_ms = std::clamp<std::int64_t>((left_ns + ms - 1) / ms, 0, 60'000);
  ::poll(watched.data(), watched.size(), static_cast<int>(left_ms));
  for (Connection* const one : connections)
    one->advance();
}

}  // namespace millrace::log::kafka::wire
