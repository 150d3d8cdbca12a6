// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kafka_proxy/sockets.hpp"

namespace millrace::testkit::kafka_proxy {

/// One end of a connection, without blocking: frames of Kafka's protocol (a size of four bytes,
/// then so many bytes) come out and go in. Everything is allowed and does nothing once it is
/// closed.
class FramedSocket {
 public:
  /// While `connecting`, nothing is sent; the first on_writable() tells how it went.
  FramedSocket(Descriptor socket, bool connecting)
      : socket_(std::move(socket)), connecting_(connecting) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] bool has_output() const { return is_open() && sent_ < output_.size(); }
  [[nodiscard]] bool wants_write() const { return is_open() && (connecting_ || has_output()); }
  [[nodiscard]] std::size_t output_size() const { return output_.size() - sent_; }

  /// Takes what has arrived. Closes at the end of the stream, on failure and at a frame that cannot
  /// be one; frames that are complete by then can still be taken.
  void read();
  /// The next complete frame, its size included.
  std::optional<std::string> next_frame();
  void send(std::string_view bytes);
  /// Sends what the system takes; closes on failure.
  void flush();
  void on_writable();
  /// The other side reads the end once everything is sent.
  void finish_writing();
  void close() { socket_.close(); }

 private:
  Descriptor socket_;
  bool connecting_;
  std::string input_;
  std::size_t taken_ = 0;
  std::string output_;
  std::size_t sent_ = 0;
};

}  // namespace millrace::testkit::kafka_proxy
