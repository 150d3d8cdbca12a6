// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "posted.hpp"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

#include "millrace/base/hash.hpp"
#include "millrace/base/text.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/message.hpp"
#include "retail/contracts/request_rules.hpp"

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

millrace::Status check_text(std::string_view field, std::string_view text, std::size_t bytes_min,
                            std::size_t bytes_max) {
  if (text.size() >= bytes_min && text.size() <= bytes_max) return {};
  return fail(millrace::errc::invalid_argument,
              std::string(field) + ": must have " + std::to_string(bytes_min) + " to " +
                  std::to_string(bytes_max) + " bytes, not " + std::to_string(text.size()));
}

// What an event in JSON holds exactly.
millrace::Status check_number(std::string_view field, std::int64_t number) {
  constexpr std::int64_t exact_max = std::int64_t{1} << 53;
  if (number >= -exact_max && number <= exact_max) return {};
  return fail(millrace::errc::invalid_argument, std::string(field) + ": must be from " +
                                                    std::to_string(-exact_max) + " to " +
                                                    std::to_string(exact_max));
}

Result<std::int64_t> read_time(const std::string& text, std::int64_t now_ms) {
  const auto time = millrace::parse_time(text);
  if (!time) return fail(time.error().at("ordered_at"));
  const std::int64_t latest = saturating_sum(now_ms, future_ms_max);
  if (*time < 0 || *time > latest) {
    return fail(
        millrace::errc::invalid_argument,
        "ordered_at: must be from 1970 to an hour from now, " + millrace::format_time(latest));
  }
  return *time;
}

// The lines of an adjustment say nothing, so only their size and their range are judged.
millrace::Status check(const std::vector<RequestedLine>& lines, bool adjustment) {
  if (!adjustment || lines.empty() || lines.size() > lines_max) {
    const CheckedLines checked = check_lines(lines);
    if (!checked.problem.empty()) {
      return fail(millrace::errc::invalid_argument, checked.problem);
    }
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string at = "lines[" + std::to_string(i) + "].";
    MILLRACE_TRY(check_text(at + "product", lines[i].product.text, 0, product_bytes_max));
    MILLRACE_TRY(check_text(at + "description", lines[i].description.value_or(""), 0,
                            description_bytes_max));
    MILLRACE_TRY(check_number(at + "quantity", lines[i].quantity));
    MILLRACE_TRY(check_number(at + "unit_price_milli", lines[i].unit_price_milli.milli));
  }
  return {};
}

// Of what the request says, not of how it was spelled. Zero means that no request was seen.
std::uint64_t hash_of(RequestKind kind, std::int64_t ordered_at_ms, const RequestEvent& event) {
  thread_local std::string said;
  said.clear();
  millrace::codec::encode_json(millrace::codec::type_info<RequestEvent>(), &event, said);
  said += std::to_string(ordered_at_ms);
  return std::max<std::uint64_t>(millrace::xxh64(said, static_cast<std::uint64_t>(kind)), 1);
}

template <class Event, class Body>
Result<Posted> read_as(RequestKind kind, std::string_view text, std::int64_t now_ms,
                       RequestId Body::* id, std::string_view id_name) {
  MILLRACE_ASSIGN(Body body, millrace::codec::from_json<Body>(text));
  RequestId& given = body.*id;
  MILLRACE_TRY(check_text(id_name, given.text, 1, id_bytes_max));
  MILLRACE_TRY(check_text("customer_id", body.customer_id.value_or(""), 0, customer_bytes_max));
  MILLRACE_TRY(check_text("country", body.country.name, 1, country_bytes_max));
  Posted posted;
  posted.kind = kind;
  MILLRACE_ASSIGN(posted.ordered_at_ms, read_time(body.ordered_at, now_ms));
  MILLRACE_TRY(check(body.lines, kind == RequestKind::order && is_adjustment(given.text)));
  Event event;
  event.customer_id = std::move(body.customer_id);
  event.country = std::move(body.country);
  event.lines = std::move(body.lines);
  posted.event = std::move(event);
  posted.body_hash = hash_of(kind, posted.ordered_at_ms, posted.event);
  std::visit([&](RequestBody& one) { one.body_hash = posted.body_hash; }, posted.event);
  posted.id = std::move(given);
  return posted;
}

}  // namespace

Result<Posted> read_posted(RequestKind kind, std::string_view body, std::int64_t now_ms) {
  switch (kind) {
    case RequestKind::order:
      return read_as<OrderRequested>(kind, body, now_ms, &OrderBody::order_id, "order_id");
    case RequestKind::goods_return:
      return read_as<ReturnRequested>(kind, body, now_ms, &ReturnBody::return_id, "return_id");
    case RequestKind::write_off:
      return read_as<WriteOffRequested>(kind, body, now_ms, &WriteOffBody::write_off_id,
                                        "write_off_id");
    case RequestKind::unknown:
      break;
  }
  return fail(millrace::errc::invalid_argument, "no such kind of request");
}

std::string location_of(RequestKind kind, const RequestId& id) {
  const char* path = kind == RequestKind::goods_return ? "/returns/"
                     : kind == RequestKind::write_off  ? "/write-offs/"
                                                       : "/orders/";
  return path + millrace::percent_encode(id.text);
}

}  // namespace retail::storefront
