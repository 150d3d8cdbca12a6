// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "body_budget.hpp"
#include "framing.hpp"
#include "millrace/http/message.hpp"
#include "read_state.hpp"

namespace millrace::http {

/// Builds requests from bytes as they come. Refuses what check_request_head() refuses, folded
/// fields and control characters in chunk extensions. Header fields, trailers and chunk extensions
/// take at most `max_header_bytes` each, also of bytes that were fed and not used up. The body is
/// charged to `budget`, which outlives the reader. One thread.
class RequestReader {
 public:
  RequestReader(std::size_t max_header_bytes, std::size_t max_body_bytes, BodyBudget& budget);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Begins the next request.
  void reset();
  /// Takes bytes, at most to the end of one request; returns how many were used up. The rest is to
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
  /// The request is over: gives its share of the budget back, and the memory that it still holds.
  void release_body();
  /// Of state `failed`.
  [[nodiscard]] ReadFailure failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
