// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka/wire/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "millrace/base/clock.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int64_t ms = 1'000'000;
// As the broker's socket.request.max.bytes: a size above it is no size.
constexpr std::int32_t max_frame_bytes = 100 << 20;

constexpr Api needed[] = {Api::produce,
                          Api::fetch,
                          Api::find_coordinator,
                          Api::init_producer_id,
                          Api::add_partitions_to_txn,
                          Api::add_offsets_to_txn,
                          Api::end_txn,
                          Api::txn_offset_commit};

}  // namespace

Connection::Connection(const Address& address, std::string_view client_id)
    : client_id_(client_id), socket_(address) {
  // Answered before all others, so that a broker that is too old is called so.
  send(Api::api_versions, {});
  // Nothing to wait for where it is clear at once.
  if (const Status status = socket_.try_connect(); !status) break_off(status.error());
}

std::int32_t Connection::send(Api api, std::string_view body) {
  Encoder header;
  header.number(static_cast<std::int16_t>(api));
  header.number(version_of(api));
  header.number(++last_number_);
  header.string(client_id_);
  const std::string head = header.take();
  char size[4];
  store_big(size, static_cast<std::int32_t>(head.size() + body.size()));
  if (written_ == output_.size()) {
    output_.clear();
    written_ = 0;
  }
  output_.reserve(output_.size() + sizeof size + head.size() + body.size());
  output_.append(size, sizeof size).append(head).append(body);
  sent_.push_back({api, last_number_, real_clock().monotonic_ns()});
  if (socket_.is_connected() && !is_broken()) write_out();
  return last_number_;
}

short Connection::events() const {
  const bool writes = !socket_.is_connected() || written_ < output_.size();
  return static_cast<short>(POLLIN | (writes ? POLLOUT : 0));
}

std::optional<std::int64_t> Connection::waiting_since_ns() const {
  if (sent_.empty()) return std::nullopt;
  return sent_.front().sent_ns;
}

void Connection::break_off(Error why) {
  if (!error_) error_ = std::move(why);
  socket_.close();
}

void Connection::advance() {
  if (is_broken()) return;
  if (!socket_.is_connected()) {
    if (Status status = socket_.try_connect(); !status) break_off(status.error());
    if (is_broken() || !socket_.is_connected()) return;
  }
  write_out();
  if (!is_broken()) read_in();
}

void Connection::write_out() {
  while (written_ < output_.size()) {
    const auto sent = socket_.write(std::string_view(output_).substr(written_));
    if (!sent) return break_off(sent.error());
    if (*sent == 0) return;
    written_ += *sent;
  }
}

/// False when there is no more for now.
bool Connection::read_some(char* to, std::size_t wanted, std::size_t& done) {
  const auto taken = socket_.read({to + done, wanted - done});
  if (!taken) {
    break_off(taken.error());
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
        return break_off({errc::unavailable, "the broker at " + socket_.address().text() +
                                                 " does not speak Kafka's protocol"});
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
    return break_off({errc::unavailable, "the broker at " + socket_.address().text() +
                                             " answers what it was not asked"});
  const std::string_view body = std::string_view(*frame).substr(4);
  if (sent_.front().api == Api::api_versions) {
    check_versions(body);
  } else {
    answers_.push_back({number, frame, body});
  }
  sent_.pop_front();
}

void Connection::check_versions(std::string_view body) {
  Decoder in(body);
  in.number<std::int16_t>();
  std::array<bool, std::size(needed)> spoken{};
  for (std::size_t left = in.count(6); left > 0; --left) {
    const auto api = static_cast<Api>(in.number<std::int16_t>());
    const auto lowest = in.number<std::int16_t>();
    const auto highest = in.number<std::int16_t>();
    const auto* const found = std::find(std::begin(needed), std::end(needed), api);
    if (found == std::end(needed)) continue;
    spoken[static_cast<std::size_t>(found - needed)] =
        lowest <= version_of(api) && version_of(api) <= highest;
  }
  for (std::size_t i = 0; i < spoken.size(); ++i) {
    if (spoken[i]) continue;
    return break_off(
        {errc::refused_by_broker, "the broker at " + socket_.address().text() + " does not take " +
                                      std::string(name_of(needed[i])) + " in version " +
                                      std::to_string(version_of(needed[i])) +
                                      ": Millrace needs Apache Kafka 2.3 or later"});
  }
}

std::optional<Answer> Connection::take() {
  if (answers_.empty()) return std::nullopt;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void advance_all(std::span<Connection* const> connections, int wake, std::int64_t deadline_ns) {
  std::vector<pollfd> watched;
  watched.push_back({wake, POLLIN, 0});
  for (Connection* const one : connections)
    watched.push_back({one->is_broken() ? -1 : one->descriptor(), one->events(), 0});
  const std::int64_t left_ns = deadline_ns - real_clock().monotonic_ns();
  // Rounded up: who wakes before the time would turn in circles until it has come.
  const auto left_ms = std::clamp<std::int64_t>((left_ns + ms - 1) / ms, 0, 60'000);
  ::poll(watched.data(), watched.size(), static_cast<int>(left_ms));
  for (Connection* const one : connections)
    one->advance();
}

}  // namespace millrace::log::kafka::wire
