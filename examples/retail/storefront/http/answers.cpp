// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "answers.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <optional>
#include <variant>

#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/problem.hpp"
#include "posted.hpp"

namespace retail::storefront {

using millrace::http::problem;
using millrace::http::Response;

namespace {

struct OrderAnswer {
  RequestId order_id;
  std::string status;
  std::optional<std::string> reason;
  Money total_milli;
  Country country;
  std::vector<Shortage> shortages;
  std::optional<std::string> dead_letter = {};  ///< where it stands, when one stopped the request
};
BOOST_DESCRIBE_STRUCT(OrderAnswer, (),
                      (order_id, status, reason, total_milli, country, shortages, dead_letter))

struct ReturnAnswer {
  RequestId return_id;
  std::string status;
  std::optional<std::string> reason;
  Money total_milli;
  Country country;
  std::optional<std::string> dead_letter = {};  ///< where it stands, when one stopped the request
};
BOOST_DESCRIBE_STRUCT(ReturnAnswer, (),
                      (return_id, status, reason, total_milli, country, dead_letter))

struct WriteOffAnswer {
  RequestId write_off_id;
  std::string status;
  std::optional<std::string> reason;
  std::int64_t asked = 0;
  std::int64_t taken = 0;
  std::optional<std::string> dead_letter = {};  ///< where it stands, when one stopped the request
};
BOOST_DESCRIBE_STRUCT(WriteOffAnswer, (), (write_off_id, status, reason, asked, taken, dead_letter))

std::string_view status_name(RequestStatus status) {
  switch (status) {
    case RequestStatus::requested:
      return "requested";
    case RequestStatus::validated:
      return "validated";
    case RequestStatus::confirmed:
      return "confirmed";
    case RequestStatus::completed:
      return "completed";
    case RequestStatus::rejected:
      return "rejected";
    case RequestStatus::accepted:
      return "accepted";
    case RequestStatus::recorded:
      return "recorded";
    case RequestStatus::dead_lettered:
      return "dead_lettered";
  }
  return "";
}

std::string body_of(const RequestId& id, const RequestView& view, std::string_view status) {
  const std::optional<std::string> reason =
      view.reason.empty() ? std::nullopt : std::optional(view.reason);
  const std::optional<std::string> letter =
      view.letter.empty() ? std::nullopt : std::optional(view.letter);
  std::string name(status);
  switch (view.kind) {
    case RequestKind::goods_return:
      return millrace::codec::to_json(
          ReturnAnswer{id, std::move(name), reason, view.total_milli, view.country, letter});
    case RequestKind::write_off:
      return millrace::codec::to_json(
          WriteOffAnswer{id, std::move(name), reason, view.asked, view.taken, letter});
    default:
      return millrace::codec::to_json(OrderAnswer{id, std::move(name), reason, view.total_milli,
                                                  view.country, view.shortages, letter});
  }
}

Response created(const RequestId& id, const RequestView& view, std::string_view status) {
  Response response;
  response.status = 201;
  response.body = body_of(id, view, status);
  response.headers.add("Location", location_of(view.kind, id));
  return response;
}

template <class Event>
Response created_with_total(const RequestId& id, RequestKind kind, const Event& event,
                            std::string_view status) {
  RequestView view;
  view.kind = kind;
  view.country = event.country;
  view.total_milli = event.total_milli;
  return created(id, view, status);
}

// An overload for each outcome.
Response outcome_answer(const RequestId& id, const OrderConfirmed& confirmed) {
  return created_with_total(id, RequestKind::order, confirmed, "confirmed");
}
Response outcome_answer(const RequestId& id, const ReturnCompleted& completed) {
  return created_with_total(id, RequestKind::goods_return, completed, "completed");
}
Response outcome_answer(const RequestId& id, const StockWrittenOff& written_off) {
  RequestView view;
  view.kind = RequestKind::write_off;
  view.asked = written_off.asked;
  view.taken = written_off.taken;
  return created(id, view, "recorded");
}
Response outcome_answer(const RequestId& id, const OrderRejected& rejected) {
  const std::string reason = boost::describe::enum_to_string(rejected.reason, "");
  return problem(409, "order-rejected", "The order was rejected", reason,
                 {{"order_id", id.text}, {"reason", reason}});
}

Response still_pending(RequestKind kind, const RequestId& id) {
  Response response;
  response.status = 202;
  millrace::JsonWriter(response.body).begin_object().field("status", "pending").end_object();
  response.headers.add("Location", location_of(kind, id));
  return response;
}

}  // namespace

Response reply_answer(RequestKind kind, const RequestId& id, const millrace::Result<Reply>& reply) {
  if (!reply && reply.error().is(millrace::service::errc::request_id_reused)) {
    return problem(409, "order-id-reused", "The id is taken",
                   id.text + " was used before for another request", {{"id", id.text}});
  }
  if (!reply) return millrace::service::request_failed(reply.error());
  if (reply->outcome)
    return std::visit([&](const auto& event) { return outcome_answer(id, event); },
                      *reply->outcome);
  if (reply->state == millrace::stream::RequestState::pending) return still_pending(kind, id);
  return problem(422, "dead-lettered", "The request cannot be processed", reply->reason,
                 {{"id", id.text}, {"reason", reply->reason}, {"dead_letter", reply->letter}});
}

Response status_answer(const RequestId& id, const RequestView& view) {
  Response response;
  response.body = body_of(id, view, status_name(view.status));
  return response;
}

}  // namespace retail::storefront
