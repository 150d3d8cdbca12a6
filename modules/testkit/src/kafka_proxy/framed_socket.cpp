// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/framed_socket.hpp"

#include <array>
#include <cerrno>

#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

constexpr std::int32_t frame_bytes_max = 256 << 20;
constexpr std::size_t read_bytes = 64 << 10;

bool try_later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

void FramedSocket::read() {
  if (!is_open()) return;
  std::array<char, read_bytes> buffer;
  const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size > 0) {
    input_.append(buffer.data(), static_cast<std::size_t>(size));
  } else if (size == 0 || !try_later()) {
    close();
  }
}

std::optional<std::string> FramedSocket::next_frame() {
  WireReader reader(std::string_view(input_).substr(taken_));
  const auto size = reader.i32();
  if (reader.ok() && (size < 0 || size > frame_bytes_max)) {
    close();
    input_.clear();
    taken_ = 0;
    return std::nullopt;
  }
  const auto payload = reader.raw(static_cast<std::size_t>(size));
  if (!reader.ok()) {
    input_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  auto frame = input_.substr(taken_, payload.size() + 4);
  taken_ += frame.size();
  return frame;
}

void FramedSocket::send(std::string_view bytes) {
  if (is_open()) output_.append(bytes);
}

void FramedSocket::on_writable() {
  if (connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    connecting_ = false;
    if (error != 0) close();
  }
  flush();
}

void FramedSocket::flush() {
  if (!is_open() || connecting_) return;
  while (has_output()) {
    const auto size =
        ::send(socket_.get(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (size < 0) {
      if (!try_later()) close();
      return;
    }
    sent_ += static_cast<std::size_t>(size);
  }
  output_.clear();
  sent_ = 0;
}

void FramedSocket::finish_writing() {
  if (is_open()) ::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace millrace::testkit::kafka_proxy
