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
#include "retail/storefront/letters.hpp"

namespace retail::storefront {

namespace reads {

// Of each event only what the view shows: the rest is not even parsed. Outcomes are read whole.
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
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(OrderValidated, (), (country, total_milli))
struct OrderCompleted {};
BOOST_DESCRIBE_STRUCT(OrderCompleted, (), ())
struct ReturnAccepted {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(ReturnAccepted, (), (country, total_milli))
struct WriteOffAccepted {};
BOOST_DESCRIBE_STRUCT(WriteOffAccepted, (), ())

using RequestIn = std::variant<OrderRequested, ReturnRequested, WriteOffRequested>;
// Of orders and of stock.
using StepIn = std::variant<OrderValidated, OrderConfirmed, OrderCompleted, OrderRejected,
                            ReturnAccepted, ReturnCompleted, WriteOffAccepted, StockWrittenOff>;

}  // namespace reads

namespace {

using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;

using StatusStore = StoreRef<RequestId, RequestView>;
using CountsStore = StoreRef<std::string, OutcomeCounts>;

constexpr std::int64_t for_ever_ms = 100LL * 365 * 24 * 3'600'000;
constexpr int confirmed_rank = 2;
constexpr int final_rank = 3;

/// A request only moves forward, whichever topic is read first. Of `dead_lettered` the view keeps
/// the rank apart.
int rank(RequestStatus status) {
  switch (status) {
    case RequestStatus::requested:
    case RequestStatus::dead_lettered:
      return 0;
    case RequestStatus::validated:
    case RequestStatus::accepted:
      return 1;
    case RequestStatus::confirmed:
      return confirmed_rank;
    case RequestStatus::completed:
    case RequestStatus::rejected:
    case RequestStatus::recorded:
      return final_rank;
  }
  return 0;
}

int rank(const RequestView& view) {
  return view.status == RequestStatus::dead_lettered ? view.letter_rank : rank(view.status);
}

/// How far a request has come when this event of it becomes a dead letter. Private records carry
/// no type; they are the work between two events of orders.
int rank_of_event(std::string_view type, RequestKind kind) {
  if (type.ends_with("Requested")) return 0;
  if (type == "PaymentRefunded") return kind == RequestKind::goods_return ? 1 : final_rank;
  for (const std::string_view name : {"OrderConfirmed", "OrderPackaged", "PackagingFailed",
                                      "DispatchDelayed", "OrderDispatched"}) {
    if (type == name) return confirmed_rank;
  }
  for (const std::string_view name :
       {"OrderCompleted", "OrderRejected", "ReturnCompleted", "StockReleased", "StockWrittenOff"}) {
    if (type == name) return final_rank;
  }
  return 1;
}

RequestKind kind_of_event(std::string_view type) {
  return type == "OrderRequested"      ? RequestKind::order
         : type == "ReturnRequested"   ? RequestKind::goods_return
         : type == "WriteOffRequested" ? RequestKind::write_off
                                       : RequestKind::unknown;
}

class StatusKeeper {
 public:
  StatusKeeper(StatusStore status, CountsStore counts) : status_(status), counts_(counts) {}

  template <class Event>
  void process(const RequestId& id, const Event& event, ProcessorContext& context) {
    auto store = context.store(status_);
    RequestView view = store.get(id).value_or(RequestView{});
    const Outcome before = view.outcome;
    take(event, view, context);
    store.put(id, view);
    if (view.outcome != before) count(before, view.outcome, context);
  }

 private:
  // What stopped the request is forgotten when an event shows that it was replayed.
  static void move(RequestView& view, RequestStatus to) {
    if (rank(to) <= rank(view)) return;
    if (view.status == RequestStatus::dead_lettered) {
      view.letter.clear();
      view.reason.clear();
    }
    view.status = to;
  }
  static void answer(RequestView& view, Outcome outcome) {
    if (view.outcome == Outcome::pending || view.outcome == Outcome::dead_lettered) {
      view.outcome = outcome;
    }
  }

  // The first request under an id counts, as it does for orders, which reads the same partition.
  void ask(RequestView& view, RequestKind kind, const reads::Request& request,
           ProcessorContext& context) {
    const std::string_view event = context.record().context.id;
    const bool same = view.request.empty()
                          ? view.body_hash == 0 || view.body_hash == request.body_hash
                          : view.request == event;
    if (!same) return;
    view.kind = kind;
    view.request = event;
    view.body_hash = request.body_hash;
    view.country = request.country;
  }
  // What orders makes of a request names it as its cause, and so tells which one counts.
  static void accept(RequestView& view, RequestKind kind, ProcessorContext& context) {
    const std::string_view cause = context.record().context.causation;
    if (!cause.empty() && view.request != cause) {
      if (!view.request.empty()) view = RequestView{};
      view.request = cause;
    }
    view.kind = kind;
  }

  void take(const reads::OrderRequested& request, RequestView& view, ProcessorContext& context) {
    ask(view, RequestKind::order, request, context);
  }
  void take(const reads::ReturnRequested& request, RequestView& view, ProcessorContext& context) {
    ask(view, RequestKind::goods_return, request, context);
  }
  void take(const reads::WriteOffRequested& request, RequestView& view, ProcessorContext& context) {
    ask(view, RequestKind::write_off, request, context);
  }
  void take(const reads::OrderValidated& order, RequestView& view, ProcessorContext& context) {
    accept(view, RequestKind::order, context);
    view.country = order.country;
    view.total_milli = order.total_milli;
    move(view, RequestStatus::validated);
  }
  void take(const OrderConfirmed&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::confirmed);
    answer(view, Outcome::granted);
  }
  void take(const reads::OrderCompleted&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::completed);
    answer(view, Outcome::granted);
  }
  void take(const OrderRejected& rejected, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::rejected);
    answer(view, Outcome::rejected);
    view.reason = boost::describe::enum_to_string(rejected.reason, "");
    view.shortages = rejected.shortages;
  }
  void take(const reads::ReturnAccepted& accepted, RequestView& view, ProcessorContext& context) {
    accept(view, RequestKind::goods_return, context);
    view.country = accepted.country;
    view.total_milli = accepted.total_milli;
    move(view, RequestStatus::accepted);
  }
  void take(const ReturnCompleted&, RequestView& view, ProcessorContext&) {
    move(view, RequestStatus::completed);
    answer(view, Outcome::granted);
  }
  void take(const reads::WriteOffAccepted&, RequestView& view, ProcessorContext& context) {
    accept(view, RequestKind::write_off, context);
    move(view, RequestStatus::accepted);
  }
  void take(const StockWrittenOff& written_off, RequestView& view, ProcessorContext&) {
    view.asked = written_off.asked;
    view.taken = written_off.taken;
    move(view, RequestStatus::recorded);
    answer(view, Outcome::granted);
  }
  static void take(const Letter& letter, RequestView& view, ProcessorContext&) {
    if (letter.topic == requests_topic) {
      // Of another request under the same id: the one that counts is well.
      if (!view.request.empty() && view.request != letter.event) return;
      view.request = letter.event;
      if (view.kind == RequestKind::unknown) view.kind = kind_of_event(letter.type);
    }
    const int stopped_at = rank_of_event(letter.type, view.kind);
    if (stopped_at < rank(view)) return;  // it was replayed, and has come further since
    view.letter = letter.place;
    if (stopped_at == final_rank) return;  // its outcome stands, what follows from it is missing
    view.letter_rank = stopped_at;
    view.status = RequestStatus::dead_lettered;
    view.reason = letter.reason;
    if (view.outcome != Outcome::pending) return;
    view.outcome = stopped_at == confirmed_rank ? Outcome::granted : Outcome::dead_lettered;
  }

  void count(Outcome before, Outcome now, ProcessorContext& context) {
    if (before != Outcome::dead_lettered && now != Outcome::dead_lettered) return;
    auto store = context.store(counts_);
    const std::string key = std::to_string(context.record().partition.value);
    OutcomeCounts counts = store.get(key).value_or(OutcomeCounts{});
    ++(now == Outcome::dead_lettered ? counts.dead_lettered : counts.replaced);
    store.put(key, counts);
  }

  StatusStore status_;
  CountsStore counts_;
};

}  // namespace

millrace::stream::Stream<Country, RevenueChanged> declare(
    millrace::stream::TopologyBuilder& builder) {
  const auto requests = builder.stream<RequestId, reads::RequestIn>(requests_topic);
  const auto steps_of_requests = builder.stream<RequestId, reads::StepIn>(orders_topic)
                                     .merge(builder.stream<RequestId, reads::StepIn>(stock_topic));
  const auto letters = read_letters(builder);

  const StatusStore status = builder.store<RequestId, RequestView>(status_store);
  const CountsStore counts = builder.store<std::string, OutcomeCounts>(outcomes_store);
  builder.merge(requests, steps_of_requests, letters)
      .process<StatusKeeper>("status-keeper", status, counts);
  Requests::declare(builder,
                    {.commands = requests_topic,
                     .keep_ms = for_ever_ms,
                     .steps = steps(),
                     .kind = millrace::log::TopicKind::events},
                    steps_of_requests);
  builder.stream<ProductCode, ProductSalesChanged>(products_topic).to_table(products_store);
  const auto revenue = builder.stream<Country, RevenueChanged>(revenue_topic);
  revenue.to_table(revenue_store);
  return revenue;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  millrace::stream::TopologyBuilder builder("storefront", settings.partitions);
  declare(builder);
  return builder.build();
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
