// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/http/message.hpp"
#include "read_state.hpp"

namespace millrace::http {

/// Builds responses from bytes as they come. Refuses what check_response_head() refuses, and a
/// switch of protocols, which no request of ours asks for. One thread.
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t max_body_bytes);
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// Begins the next response; the answer to HEAD has no body whatever its length says.
  void reset(bool to_head);
  /// As RequestReader::feed. Interim responses (1xx) are skipped, a few.
  std::size_t feed(std::string_view bytes);
  /// The peer closed: ends a body without length, else fails.
  void feed_end();
  [[nodiscard]] ReadState state() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] Response& response();
  [[nodiscard]] std::string failure() const;

 private:
  void begin();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
