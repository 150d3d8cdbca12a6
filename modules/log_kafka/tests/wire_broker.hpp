// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "listener.hpp"
#include "millrace/base/clock.hpp"
#include "wire/connection.hpp"

// Brokers that are sockets and say what a test wants.
namespace millrace::log::kafka::wire {

using net::read_exactly;
using net::write_all;
using Broker = net::Listener;

struct Request {
  Api api{};
  std::int16_t version = 0;
  std::int32_t number = 0;
  std::string body;
};

inline Request read_request(int socket) {
  const std::string size = read_exactly(socket, 4);
  if (size.empty()) return {};
  const std::string frame = read_exactly(socket, load_big<std::uint32_t>(size.data()));
  Decoder in(frame);
  Request request;
  request.api = static_cast<Api>(in.number<std::int16_t>());
  request.version = in.number<std::int16_t>();
  EXPECT_GE(request.version, spoken(request.api).lowest);
  EXPECT_LE(request.version, spoken(request.api).highest);
  request.number = in.number<std::int32_t>();
  const std::string client(in.string());
  // A flexible header ends with tagged fields, of which there are none.
  const bool flexible = is_flexible(request.api, request.version);
  request.body = frame.substr(10 + client.size() + (flexible ? 1 : 0));
  return request;
}

inline std::string frame_of(std::int32_t number, std::string_view body) {
  Encoder out;
  out.number(static_cast<std::int32_t>(4 + body.size()));
  out.number(number);
  return out.take() + std::string(body);
}

/// An answer to ApiVersions: all we need, one of them only up to the version given.
inline std::string versions_body(Api limited = Api::fetch, std::int16_t highest = 20) {
  constexpr Api apis[] = {Api::produce,
                          Api::fetch,
                          Api::offset_fetch,
                          Api::find_coordinator,
                          Api::init_producer_id,
                          Api::add_partitions_to_txn,
                          Api::add_offsets_to_txn,
                          Api::end_txn,
                          Api::txn_offset_commit,
                          Api::sasl_handshake,
                          Api::sasl_authenticate};
  Encoder out(true);
  out.number<std::int16_t>(0);
  out.count(std::size(apis));
  for (const Api api : apis) {
    out.number(static_cast<std::int16_t>(api));
    out.number<std::int16_t>(0);
    out.number<std::int16_t>(api == limited ? highest : std::int16_t{20});
    out.tags();
  }
  out.number<std::int32_t>(0);
  out.tags();
  return out.take();
}

inline void answer_versions(int socket, Api limited = Api::fetch, std::int16_t highest = 20) {
  const Request request = read_request(socket);
  EXPECT_EQ(request.api, Api::api_versions);
  write_all(socket, frame_of(request.number, versions_body(limited, highest)));
}

inline void answer_handshake(int socket, const std::string& mechanism, std::int16_t code = 0) {
  const Request request = read_request(socket);
  EXPECT_EQ(request.api, Api::sasl_handshake);
  Decoder in(request.body);
  EXPECT_EQ(in.string(), mechanism);
  Encoder out;
  out.number(code);
  out.count(2);
  out.string("SCRAM-SHA-256");
  out.string("GSSAPI");
  write_all(socket, frame_of(request.number, out.take()));
}

/// What the client said.
inline std::string answer_authenticate(int socket, const std::string& sent, std::int16_t code = 0,
                                       const std::string& message = {},
                                       std::int64_t session_ms = 0) {
  const Request request = read_request(socket);
  EXPECT_EQ(request.api, Api::sasl_authenticate);
  Decoder in(request.body);
  const std::string said(in.bytes());
  Encoder out;
  out.number(code);
  if (message.empty()) {
    out.null_string();
  } else {
    out.string(message);
  }
  out.bytes(sent);
  out.number(session_ms);
  write_all(socket, frame_of(request.number, out.take()));
  return said;
}

/// Waits until there is an answer, or the connection is broken.
inline std::optional<Answer> answer_of(Connection& connection) {
  Connection* const all[] = {&connection};
  for (;;) {
    if (auto answer = connection.take()) return answer;
    if (connection.is_broken()) return std::nullopt;
    advance_all(all, -1, real_clock().monotonic_ns() + 1'000'000'000, real_clock());
  }
}

}  // namespace millrace::log::kafka::wire
