// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "posted.hpp"

#include <optional>
#include <vector>

#include "millrace/base/hash.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/message.hpp"

namespace retail::storefront {

using millrace::fail;
using millrace::Result;

namespace {

struct OrderBody {
  RequestId order_id;
  std::optional<std::string> customer_id;
  Country country;
  std::string ordered_at;
  std::vector<RequestedLine> lines;
};
BOOST_DESCRIBE_STRUCT(OrderBody, (), (order_id, customer_id, country, ordered_at, lines))

struct ReturnBody {
  RequestId return_id;
  std::optional<std::string> customer_id;
  Country country;
  std::string ordered_at;
  std::vector<RequestedLine> lines;
};
BOOST_DESCRIBE_STRUCT(ReturnBody, (), (return_id, customer_id, country, ordered_at, lines))

struct WriteOffBody {
  RequestId write_off_id;
  std::optional<std::string> customer_id;
  Country country;
  std::string ordered_at;
  std::vector<RequestedLine> lines;
};
BOOST_DESCRIBE_STRUCT(WriteOffBody, (), (write_off_id, customer_id, country, ordered_at, lines))

constexpr std::size_t max_id_bytes = 200;

template <class Event, class Body>
Result<Posted> read_as(RequestKind kind, std::string_view text, RequestId Body::* id,
                       std::string_view id_name) {
  MILLRACE_ASSIGN(Body body, millrace::codec::from_json<Body>(text));
  RequestId& given = body.*id;
  if (given.text.empty() || given.text.size() > max_id_bytes) {
    return fail(millrace::errc::invalid_argument,
                std::string(id_name) + ": 1 to 200 bytes are wanted");
  }
  if (body.lines.empty())
    return fail(millrace::errc::invalid_argument, "lines: at least one is wanted");
  const auto ordered_at = millrace::parse_time(body.ordered_at);
  if (!ordered_at) return fail(ordered_at.error().at("ordered_at"));
  Posted posted;
  posted.kind = kind;
  posted.ordered_at_ms = *ordered_at;
  posted.body_hash = millrace::xxh64(text, static_cast<std::uint64_t>(kind));
  Event event;
  event.body_hash = posted.body_hash;
  event.customer_id = std::move(body.customer_id);
  event.country = std::move(body.country);
  event.lines = std::move(body.lines);
  posted.id = std::move(given);
  posted.event = std::move(event);
  return posted;
}

}  // namespace

Result<Posted> read_posted(RequestKind kind, std::string_view body) {
  switch (kind) {
    case RequestKind::order:
      return read_as<OrderRequested>(kind, body, &OrderBody::order_id, "order_id");
    case RequestKind::goods_return:
      return read_as<ReturnRequested>(kind, body, &ReturnBody::return_id, "return_id");
    case RequestKind::write_off:
      return read_as<WriteOffRequested>(kind, body, &WriteOffBody::write_off_id, "write_off_id");
    case RequestKind::unknown:
      break;
  }
  return fail(millrace::errc::invalid_argument, "no such kind of request");
}

std::string location_of(RequestKind kind, const RequestId& id) {
  const char* path = kind == RequestKind::goods_return ? "/returns/"
                     : kind == RequestKind::write_off  ? "/write-offs/"
                                                       : "/orders/";
  return path + millrace::http::percent_encode(id.text);
}

}  // namespace retail::storefront
