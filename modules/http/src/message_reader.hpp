// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/http/message.hpp"

namespace millrace::http {

enum class ReadState { need_more, done, failed };

/// Why a message was refused: the status that answers it, and the reason in words.
struct ReadFailure {
  int status = 400;
  std::string detail;
};

/// Builds requests from bytes as they come. One thread.
class RequestReader {
 public:
  RequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Begins the next request.
  void reset();
  /// Takes bytes, at most to the end of one request; answers how many were used up. The rest is to
  /// be fed again, with more behind it when the state is `need_more`.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] ReadState state() const;
  /// Whether a byte of the request has been seen.
  [[nodiscard]] bool started() const;
  /// Whether the sender waits for `100 Continue` before it sends the body.
  [[nodiscard]] bool awaits_continue() const;
  /// Of a done request: whether the sender keeps the connection.
  [[nodiscard]] bool keep_alive() const;
  /// The request of state `done`; the caller moves it out.
  [[nodiscard]] Request& request();
  /// Of state `failed`.
  [[nodiscard]] ReadFailure failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Builds responses from bytes as they come. One thread.
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t max_body_bytes);
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// Begins the next response; the answer to HEAD has no body whatever its length says.
  void reset(bool to_head);
  /// As RequestReader::feed. Interim responses (1xx) are skipped.
  std::size_t feed(std::string_view bytes);
  /// The peer closed: ends a body without length, else fails.
  void feed_end();
  [[nodiscard]] ReadState state() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] Response& response();
  [[nodiscard]] std::string failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
