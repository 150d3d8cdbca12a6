// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/topology.hpp"

#include <algorithm>
#include <boost/describe/enum_to_string.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "retail/contracts/requests.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::storefront {

namespace reads {

// Of each event only what the view shows: the rest is not even parsed.
struct Request {
  std::uint64_t body_hash = 0;
  Country country;
};
BOOST_DESCRIBE_STRUCT(Request, (), (body_hash, country))
struct OrderRequested : Request {};
BOOST_DESCRIBE_STRUCT(OrderRequested, (Request), ())
struct ReturnRequested : Request {};
BOOST_DESCRIBE_STRUCT(ReturnRequested, (Request), ())
struct WriteOffRequested : Request {};
BOOST_DESCRIBE_STRUCT(WriteOffRequested, (Request), ())
struct OrderValidated {
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(OrderValidated, (), (total_milli))
struct OrderConfirmed {};
BOOST_DESCRIBE_STRUCT(OrderConfirmed, (), ())
struct OrderCompleted {};
BOOST_DESCRIBE_STRUCT(OrderCompleted, (), ())
struct OrderRejected {
  RejectionReason reason = RejectionReason::out_of_stock;
  std::vector<Shortage> shortages;
};
BOOST_DESCRIBE_STRUCT(OrderRejected, (), (reason, shortages))
struct ReturnAccepted {
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(ReturnAccepted, (), (total_milli))
struct ReturnCompleted {};
BOOST_DESCRIBE_STRUCT(ReturnCompleted, (), ())

// A dead letter is the request as it came; only that it is one and why matters.
struct DeadLetter {};
BOOST_DESCRIBE_STRUCT(DeadLetter, (), ())
namespace dead {
struct OrderRequested : DeadLetter {};
BOOST_DESCRIBE_STRUCT(OrderRequested, (DeadLetter), ())
struct ReturnRequested : DeadLetter {};
BOOST_DESCRIBE_STRUCT(ReturnRequested, (DeadLetter), ())
}  // namespace dead

using RequestIn = std::variant<OrderRequested, ReturnRequested, WriteOffRequested>;
using OrderIn = std::variant<OrderValidated, OrderConfirmed, OrderCompleted, OrderRejected,
                             ReturnAccepted, ReturnCompleted>;
using StockIn = std::variant<StockWrittenOff>;
using DeadIn = std::variant<dead::OrderRequested, dead::ReturnRequested>;
using Input = std::variant<const RequestIn*, const OrderIn*, const StockIn*, const DeadIn*>;

}  // namespace reads

namespace {

using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;

using StatusStore = StoreRef<RequestId, RequestView>;

/// A request only moves forward, whichever topic is read first.
int rank(RequestStatus status) {
  switch (status) {
    case RequestStatus::requested:
      return 0;
    case RequestStatus::validated:
    case RequestStatus::accepted:
      return 1;
    case RequestStatus::confirmed:
      return 2;
    case RequestStatus::completed:
    case RequestStatus::rejected:
    case RequestStatus::recorded:
    case RequestStatus::dead_lettered:
      return 3;
  }
  return 0;
}

class StatusKeeper final : public Processor<RequestId, reads::Input> {
 public:
  StatusKeeper(StatusStore status, OutcomeListener* listener)
      : status_(status), listener_(listener) {}

  void process(const RequestId& id, const reads::Input& input, ProcessorContext& context) override {
    auto store = context.store(status_);
    RequestView view = store.get(id).value_or(RequestView{});
    const Outcome before = view.outcome;
    std::visit(
        [&](const auto* event) {
          std::visit([&](const auto& one) { take(one, view, context); }, *event);
        },
        input);
    store.put(id, view);
    if (listener_ != nullptr && view.outcome != before) listener_->outcome_known(id);
  }

 private:
  static void move(RequestView& view, RequestStatus to) {
    if (rank(to) > rank(view.status)) view.status = to;
  }
  static void answer(RequestView& view, Outcome outcome) {
    if (view.outcome == Outcome::pending) view.outcome = outcome;
  }
  static void first(RequestView& view, RequestKind kind, const reads::Request& request) {
    if (view.body_hash != 0) return;
    view.kind = kind;
    view.body_hash = request.body_hash;
    view.country = request.country;
  }

  void take(const reads::OrderRequested& request, RequestView& view, ProcessorContext&) {
    first(view, RequestKind::order, request);
  }
  void take(const reads::ReturnRequested& request, RequestView& view, ProcessorContext&) {
    first(view, RequestKind::goods_return, request);
  }
  void take(const reads::WriteOffRequested& request, RequestView& view, ProcessorContext&) {
    first(view, RequestKind::write_off, request);
  }
  void take(const reads::OrderValidated& order, RequestView& view, ProcessorContext&) {
    view.total_milli = order.total_milli;
    move(view, RequestStatus::validated);
  }
  void take(const reads::OrderConfirmed&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::confirmed);
    answer(view, Outcome::granted);
  }
  void take(const reads::OrderCompleted&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::completed);
    answer(view, Outcome::granted);
  }
  void take(const reads::OrderRejected& rejected, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::rejected);
    answer(view, Outcome::rejected);
    view.reason = boost::describe::enum_to_string(rejected.reason, "");
    view.shortages = rejected.shortages;
  }
  void take(const reads::ReturnAccepted& accepted, RequestView& view, ProcessorContext&) {
    view.total_milli = accepted.total_milli;
    move(view, RequestStatus::accepted);
  }
  void take(const reads::ReturnCompleted&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::completed);
    answer(view, Outcome::granted);
  }
  void take(const StockWrittenOff& written_off, RequestView& view, ProcessorContext&) {
    view.asked = written_off.asked;
    view.taken = written_off.taken;
    move(view, RequestStatus::recorded);
    answer(view, Outcome::granted);
  }
  void take(const reads::DeadLetter&, RequestView& view, ProcessorContext& context) {
    move(view, RequestStatus::dead_lettered);
    answer(view, Outcome::dead_lettered);
    if (view.reason.empty()) view.reason = context.record().headers.find("dl-reason").value_or("");
  }

  StatusStore status_;
  OutcomeListener* listener_;
};

}  // namespace

millrace::Result<millrace::stream::Topology> topology(const Settings& settings,
                                                      OutcomeListener* listener) {
  millrace::stream::TopologyBuilder builder("storefront", settings.partitions);
  const auto requests = builder.stream<RequestId, reads::RequestIn>(requests_topic);
  const auto orders = builder.stream<RequestId, reads::OrderIn>(orders_topic);
  const auto stock = builder.stream<RequestId, reads::StockIn>(stock_topic);
  const auto dead_letters = builder.stream<RequestId, reads::DeadIn>(orders_dead_letters_topic);

  const StatusStore status = builder.store<RequestId, RequestView>(status_store);
  builder.merge(requests, orders, stock, dead_letters)
      .process(
          "status-keeper",
          [status, listener] { return std::make_unique<StatusKeeper>(status, listener); },
          uses(status));
  builder.stream<Country, RevenueChanged>(revenue_topic).to_table(revenue_store);
  builder.stream<ProductCode, ProductSalesChanged>(products_topic).to_table(products_store);

  MILLRACE_ASSIGN(millrace::stream::Topology plan, builder.build());
  // Written by the HTTP side, which is no part of the topology.
  plan.own_topics.push_back({requests_topic, settings.partitions, millrace::log::TopicKind::events,
                             plan.service, millrace::log::CleanupPolicy::keep});
  return plan;
}

std::vector<std::pair<ProductCode, ProductSalesChanged>> best_sellers(
    std::vector<std::pair<ProductCode, ProductSalesChanged>> sales, std::size_t count) {
  count = std::min(count, sales.size());
  std::partial_sort(sales.begin(), sales.begin() + static_cast<std::ptrdiff_t>(count), sales.end(),
                    [](const auto& a, const auto& b) {
                      return a.second.units != b.second.units ? a.second.units > b.second.units
                                                              : a.first < b.first;
                    });
  sales.resize(count);
  return sales;
}

}  // namespace retail::storefront
