// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::stream {

/// A request as it stands in `<service>.<name>`, keyed by its id.
struct RequestAsked {
  std::string type;     ///< of the command, `MoveMoney`
  std::string key;      ///< of the command, as JSON
  std::string command;  ///< as JSON
};
BOOST_DESCRIBE_STRUCT(RequestAsked, (), (type, key, command))

/// Equal for equal requests: of type, key and command.
[[nodiscard]] std::uint64_t body_hash(const RequestAsked& asked);

/// How a request ended, on its way to the task that keeps it.
struct RequestEnded {
  std::string type;     ///< of the outcome; empty for a dead letter
  std::string outcome;  ///< as JSON; of a dead letter its reason
  std::string letter;   ///< the dead letter, `stock.dead-letters-2:17`; empty: none
};
BOOST_DESCRIBE_STRUCT(RequestEnded, (), (type, outcome, letter))

enum class RequestState : std::uint8_t {
  pending,
  ended,         ///< an event of a declared type came back
  dead_lettered  ///< a step of it became a dead letter; a later outcome replaces it
};
BOOST_DESCRIBE_ENUM(RequestState, pending, ended, dead_lettered)

/// What a service keeps of a request. Store `<name>`, by id. Members are only ever added at the
/// end: other builds read it from the changelog.
struct RequestEntry {
  std::uint64_t body = 0;  ///< body_hash() of the first request under the id
  std::string asked;       ///< `ce_id` of that request, the cause of its command
  std::int64_t asked_ms = 0;
  RequestState state = RequestState::pending;
  std::int64_t ended_ms = 0;
  std::string type;       ///< of the outcome; empty for a dead letter
  std::string outcome;    ///< as JSON; of a dead letter its reason
  std::string letter;     ///< the dead letter; empty: none
  bool replaced = false;  ///< a real outcome came after a dead letter
};
BOOST_DESCRIBE_STRUCT(RequestEntry, (),
                      (body, asked, asked_ms, state, ended_ms, type, outcome, letter, replaced))

}  // namespace millrace::stream
