// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/write_json.hpp"
#include "millrace/service/requests.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/testkit/topology_driver.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/settings.hpp"
#include "retail/contracts/shelves.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::test {

inline constexpr std::int64_t day_ms = 24LL * 60 * 60 * 1000;
/// 2010-12-01T00:00:00Z and days after it.
inline constexpr std::int64_t day(std::int64_t number) {
  return 1'291'161'600'000 + number * day_ms;
}

inline constexpr Settings scarce{StockMode::scarce, 4};
inline constexpr Settings ample{StockMode::ample, 4};

inline RequestId id(std::string text) { return {std::move(text)}; }

/// What the HTTP side of the storefront writes to asked_topic.
inline millrace::stream::RequestAsked asked(const RequestId& id, const RequestEvent& event) {
  using millrace::codec::type_info;
  auto encoded = millrace::service::encode_asked(type_info<RequestId>(), &id,
                                                 type_info<RequestEvent>(), &event);
  if (!encoded) throw std::runtime_error(encoded.error().to_string());
  return *std::move(encoded);
}

/// Lines of {product, quantity, price in thousandths}.
struct TestLine {
  std::string product;
  std::int64_t quantity = 1;
  std::int64_t price_milli = 1'000;
};

template <class Event>
Event request(const std::vector<TestLine>& lines, std::uint64_t body_hash = 1,
              const std::string& country = "France") {
  Event event;
  event.body_hash = body_hash;
  event.country = {country};
  for (const TestLine& line : lines)
    event.lines.push_back({{line.product}, "THING", line.quantity, {line.price_milli}});
  return event;
}

inline std::vector<OrderLine> order_lines(const std::vector<TestLine>& lines) {
  std::vector<OrderLine> out;
  for (const TestLine& line : lines)
    out.push_back({{line.product}, line.quantity, {line.price_milli}});
  return out;
}

inline Money total_of(const std::vector<TestLine>& lines) {
  Money total;
  for (const TestLine& line : lines)
    total.milli += line.quantity * line.price_milli;
  return total;
}

inline OrderEvent validated(const std::vector<TestLine>& lines,
                            const std::string& country = "France") {
  return OrderValidated{{country}, total_of(lines), order_lines(lines)};
}
inline OrderEvent accepted(const std::vector<TestLine>& lines,
                           const std::string& country = "France") {
  return ReturnAccepted{{country}, total_of(lines), order_lines(lines)};
}
/// The event as a writer may send it that is not ours, with numbers that Millrace refuses to write.
template <class Event>
millrace::testkit::RawRecord foreign(std::string key, const Event& event, std::int64_t time_ms) {
  std::string value;
  {
    millrace::JsonWriter writer(value);
    millrace::codec::write_json(millrace::codec::type_info<Event>(), &event, writer);
  }
  millrace::testkit::RawRecord record;
  record.key = std::move(key);
  record.value = std::move(value);
  record.headers = {{"ce_id", *record.key},
                    {"ce_source", "/foreign"},
                    {"ce_specversion", "1.0"},
                    {"ce_type", std::string(millrace::codec::type_info<Event>().name)}};
  record.timestamp_ms = time_ms;
  return record;
}

inline OrderEvent rejected(RejectionReason reason) {
  return OrderRejected{reason, {"France"}, {1'000}, {}};
}

/// A topology that must be sound.
inline millrace::stream::Topology sound(millrace::Result<millrace::stream::Topology> topology) {
  if (!topology) throw std::runtime_error(topology.error().to_string());
  return *std::move(topology);
}

/// `ce_type key` of everything that came to a topic since it was last read.
inline std::vector<std::string> story(millrace::testkit::TopologyDriver& driver,
                                      const std::string& topic) {
  std::vector<std::string> out;
  for (const auto& record : driver.read_raw(topic))
    out.push_back(record.header("ce_type") + " " + record.key.value_or("-"));
  return out;
}

/// Ids whose hash decides their fate in scarce: the first from 100000 on for which `fits` holds.
template <class F>
RequestId id_such_that(F fits) {
  for (int number = 100'000;; ++number) {
    if (RequestId candidate{std::to_string(number)}; fits(candidate)) return candidate;
  }
}

}  // namespace retail::test
