// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/orders/topology.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "retail/contracts/payments.hpp"
#include "retail/contracts/request_rules.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::orders {

namespace reads {

// Of each event only what this service needs: the rest is not even parsed.
struct OrderRequested {
  std::uint64_t body_hash = 0;
  Country country;
  std::vector<OrderLine> lines;
};
BOOST_DESCRIBE_STRUCT(OrderRequested, (), (body_hash, country, lines))
struct ReturnRequested : OrderRequested {};
BOOST_DESCRIBE_STRUCT(ReturnRequested, (OrderRequested), ())
struct WriteOffRequested : OrderRequested {};
BOOST_DESCRIBE_STRUCT(WriteOffRequested, (OrderRequested), ())
struct PaymentReceived {};
BOOST_DESCRIBE_STRUCT(PaymentReceived, (), ())
struct PaymentDeclined {};
BOOST_DESCRIBE_STRUCT(PaymentDeclined, (), ())
struct PaymentRefunded {};
BOOST_DESCRIBE_STRUCT(PaymentRefunded, (), ())
struct StockReleased {};
BOOST_DESCRIBE_STRUCT(StockReleased, (), ())
struct GoodsTakenBack {};
BOOST_DESCRIBE_STRUCT(GoodsTakenBack, (), ())
struct StockWrittenOff {};
BOOST_DESCRIBE_STRUCT(StockWrittenOff, (), ())
struct PackagingFailed {};
BOOST_DESCRIBE_STRUCT(PackagingFailed, (), ())
struct OrderDispatched {};
BOOST_DESCRIBE_STRUCT(OrderDispatched, (), ())

using RequestIn = std::variant<OrderRequested, ReturnRequested, WriteOffRequested>;
using StockIn = std::variant<StockRefused, StockReleased, GoodsTakenBack, StockWrittenOff>;
using PaymentIn = std::variant<PaymentReceived, PaymentDeclined, PaymentRefunded>;
using ShipmentIn = std::variant<PackagingFailed, OrderDispatched>;
using Input = std::variant<const RequestIn*, const StockIn*, const PaymentIn*, const ShipmentIn*>;

}  // namespace reads

namespace {

using millrace::stream::Emitter;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;

constexpr millrace::ErrorCode not_a_sale{"retail.not_a_sale"};
constexpr millrace::ErrorCode bad_request{"retail.bad_request"};

struct Wiring {
  StoreRef<RequestId, OrderState> orders;
  StoreRef<std::string, Progress> progress;
  Emitter<RequestId, OrderEvent> events;
};

/// The state machine of one request. Each event is taken in any order that causes allow,
/// and any number of times.
class Lifecycle {
 public:
  explicit Lifecycle(Wiring wiring) : wiring_(wiring) {}

  void process(const RequestId& id, const reads::OrderRequested& request,
               ProcessorContext& context) {
    begin(id, request, Phase::validated, context);
  }
  void process(const RequestId& id, const reads::ReturnRequested& request,
               ProcessorContext& context) {
    begin(id, request, Phase::accepted, context);
  }
  void process(const RequestId& id, const reads::WriteOffRequested& request,
               ProcessorContext& context) {
    begin(id, request, Phase::writing_off, context);
  }
  void process(const RequestId& id, const StockRefused& refused, ProcessorContext& context) {
    change(id, Phase::validated, context, [&](OrderState& state) {
      state.stock_done = true;
      state.money_done = true;
      reject(id, state, RejectionReason::out_of_stock, refused.shortages, context);
    });
  }
  void process(const RequestId& id, const reads::PaymentDeclined&, ProcessorContext& context) {
    change(id, Phase::validated, context, [&](OrderState& state) {
      state.money_done = true;
      reject(id, state, RejectionReason::payment_declined, {}, context);
    });
  }
  void process(const RequestId& id, const reads::PackagingFailed&, ProcessorContext& context) {
    change(id, Phase::confirmed, context, [&](OrderState& state) {
      reject(id, state, RejectionReason::packing_failed, {}, context);
    });
  }
  // Payment follows a reservation, so it says both; StockReserved itself may be seen before or
  // after and adds nothing.
  void process(const RequestId& id, const reads::PaymentReceived&, ProcessorContext& context) {
    change(id, Phase::validated, context, [&](OrderState& state) {
      state.phase = Phase::confirmed;
      context.emit(wiring_.events, id, OrderConfirmed{state.country, state.total_milli});
    });
  }
  void process(const RequestId& id, const reads::OrderDispatched&, ProcessorContext& context) {
    change(id, Phase::confirmed, context, [&](OrderState& state) {
      state.phase = Phase::completed;
      state.final = true;
      context.emit(wiring_.events, id, OrderCompleted{state.country, state.total_milli});
      count(context, [](Progress& progress) { --progress.open, ++progress.completed; });
    });
  }
  void process(const RequestId& id, const reads::StockReleased&, ProcessorContext& context) {
    change(id, Phase::rejected, context, [&](OrderState& state) {
      state.stock_done = true;
      settle(id, state, context);
    });
  }
  void process(const RequestId& id, const reads::GoodsTakenBack&, ProcessorContext& context) {
    change(id, Phase::accepted, context, [&](OrderState& state) {
      state.stock_done = true;
      settle(id, state, context);
    });
  }
  void process(const RequestId& id, const reads::StockWrittenOff&, ProcessorContext& context) {
    change(id, Phase::writing_off, context, [&](OrderState& state) {
      state.phase = Phase::written_off;
      state.final = true;
      count(context, [](Progress& progress) { --progress.open, ++progress.written_off; });
    });
  }
  void process(const RequestId& id, const reads::PaymentRefunded&, ProcessorContext& context) {
    const std::optional<OrderState> state = context.store(wiring_.orders).get(id);
    if (!state) return;
    change(id, state->phase == Phase::accepted ? Phase::accepted : Phase::rejected, context,
           [&](OrderState& now) {
             now.money_done = true;
             settle(id, now, context);
           });
  }

 private:
  void begin(const RequestId& id, const reads::OrderRequested& request, Phase phase,
             ProcessorContext& context) {
    auto orders = context.store(wiring_.orders);
    // The first request under an id counts, whatever its kind: all of them pass here.
    if (orders.get(id)) {
      count(context, [](Progress& progress) { ++progress.repeated; });
      return;
    }
    OrderState state;
    state.phase = phase;
    state.body_hash = request.body_hash;
    state.country = request.country;
    if (phase != Phase::writing_off && is_adjustment(id.text)) {
      bury(id, std::move(state), not_a_sale, "not a sale", context);
      return;
    }
    const CheckedLines checked = check_lines(request.lines);
    if (!checked.problem.empty()) {
      bury(id, std::move(state), bad_request, checked.problem, context);
      return;
    }
    state.total_milli = checked.total;
    context.emit(wiring_.events, id, accepted_event(request, phase, checked.total));
    orders.put(id, state);
    count(context, [](Progress& progress) { ++progress.open; });
  }

  static OrderEvent accepted_event(const reads::OrderRequested& request, Phase phase, Money total) {
    if (phase == Phase::writing_off) return WriteOffAccepted{request.lines};
    if (phase == Phase::accepted) return ReturnAccepted{request.country, total, request.lines};
    return OrderValidated{request.country, total, request.lines};
  }

  void bury(const RequestId& id, OrderState state, millrace::ErrorCode code,
            const std::string& reason, ProcessorContext& context) {
    state.phase = Phase::dead_lettered;
    state.final = true;
    state.reason = reason;
    context.dead_letter(code, reason);
    context.store(wiring_.orders).put(id, state);
    count(context, [](Progress& progress) { ++progress.dead_lettered; });
  }

  void reject(const RequestId& id, OrderState& state, RejectionReason reason,
              const std::vector<Shortage>& shortages, ProcessorContext& context) {
    state.phase = Phase::rejected;
    state.reason = boost::describe::enum_to_string(reason, "");
    context.emit(wiring_.events, id,
                 OrderRejected{reason, state.country, state.total_milli, shortages});
    settle(id, state, context);
  }

  /// Final once stock and money are where they belong.
  void settle(const RequestId& id, OrderState& state, ProcessorContext& context) {
    if (state.final || !state.stock_done || !state.money_done) return;
    state.final = true;
    if (state.phase == Phase::accepted) {
      state.phase = Phase::returned;
      context.emit(wiring_.events, id, ReturnCompleted{state.country, state.total_milli});
      count(context, [](Progress& progress) { --progress.open, ++progress.returned; });
    } else {
      count(context, [](Progress& progress) { --progress.open, ++progress.rejected; });
    }
  }

  /// Applies `apply` to a request that is in `phase`; others have moved on or are unknown, and stay
  /// as they are.
  template <class F>
  void change(const RequestId& id, Phase phase, ProcessorContext& context, F apply) {
    auto orders = context.store(wiring_.orders);
    std::optional<OrderState> state = orders.get(id);
    if (!state || state->phase != phase) return;
    apply(*state);
    orders.put(id, *state);
  }

  template <class F>
  void count(ProcessorContext& context, F apply) {
    auto store = context.store(wiring_.progress);
    const std::string key = std::to_string(context.record().partition.value);
    Progress progress = store.get(key).value_or(Progress{});
    apply(progress);
    store.put(key, progress);
  }

  Wiring wiring_;
};

}  // namespace

millrace::stream::Stream<RequestId, OrderEvent> declare(
    millrace::stream::TopologyBuilder& builder) {
  const auto requests = builder.stream<RequestId, reads::RequestIn>(requests_topic);
  const auto stock = builder.stream<RequestId, reads::StockIn>(stock_topic);
  const auto payments = builder.stream<RequestId, reads::PaymentIn>(payments_topic);
  const auto shipments = builder.stream<RequestId, reads::ShipmentIn>(shipments_topic);

  const Wiring wiring{builder.store<RequestId, OrderState>(orders_store),
                      builder.store<std::string, Progress>(progress_store),
                      builder.emitter<RequestId, OrderEvent>("order-events")};
  builder.merge(requests, stock, payments, shipments).process<Lifecycle>("lifecycle", wiring);
  const auto events = builder.stream(wiring.events);
  events.to(orders_topic);
  return events;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  millrace::stream::TopologyBuilder builder("orders", settings.partitions);
  declare(builder);
  return builder.build();
}

}  // namespace retail::orders
