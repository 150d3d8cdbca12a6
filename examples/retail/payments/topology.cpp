// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/payments/topology.hpp"

#include <memory>
#include <string>
#include <variant>

#include "retail/contracts/orders.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::payments {

namespace reads {

struct OrderValidated {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(OrderValidated, (), (country, total_milli))
struct ReturnAccepted {
  Country country;
  Money total_milli;
};
BOOST_DESCRIBE_STRUCT(ReturnAccepted, (), (country, total_milli))
struct OrderRejected {};
BOOST_DESCRIBE_STRUCT(OrderRejected, (), ())
struct StockReserved {};
BOOST_DESCRIBE_STRUCT(StockReserved, (), ())

using OrderIn = std::variant<OrderValidated, ReturnAccepted, OrderRejected>;
using StockIn = std::variant<StockReserved>;

}  // namespace reads

namespace {

using millrace::stream::Emitter;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;

struct Wiring {
  StoreRef<RequestId, Payment> payments;
  Emitter<RequestId, PaymentEvent> events;
};

class Cashier {
 public:
  Cashier(Wiring wiring, bool declines) : wiring_(wiring), declines_(declines) {}

  template <class Event>
  void process(const RequestId& id, const Event& event, ProcessorContext& context) {
    auto store = context.store(wiring_.payments);
    Payment payment = store.get(id).value_or(Payment{});
    if (take(id, event, payment, context)) store.put(id, payment);
  }

 private:
  // Total and reservation come over two topics, either first.
  bool take(const RequestId& id, const reads::OrderValidated& order, Payment& payment,
            ProcessorContext& context) {
    if (payment.total_known) return false;
    payment.total_known = true;
    payment.country = order.country;
    payment.amount_milli = order.total_milli;
    if (payment.reserved) charge(id, payment, context);
    return true;
  }
  bool take(const RequestId& id, const reads::StockReserved&, Payment& payment,
            ProcessorContext& context) {
    if (payment.reserved) return false;
    payment.reserved = true;
    if (payment.total_known) charge(id, payment, context);
    return true;
  }
  bool take(const RequestId& id, const reads::ReturnAccepted& accepted, Payment& payment,
            ProcessorContext& context) {
    if (payment.phase != Phase::waiting || payment.total_known) return false;
    payment = {Phase::credited, true, false, accepted.country, accepted.total_milli};
    context.emit(wiring_.events, id,
                 PaymentRefunded{RefundKind::credit_note, payment.country, payment.amount_milli});
    return true;
  }
  bool take(const RequestId& id, const reads::OrderRejected&, Payment& payment,
            ProcessorContext& context) {
    if (payment.phase != Phase::charged) return false;
    payment.phase = Phase::rolled_back;
    context.emit(wiring_.events, id,
                 PaymentRefunded{RefundKind::rollback, payment.country, payment.amount_milli});
    return true;
  }

  void charge(const RequestId& id, Payment& payment, ProcessorContext& context) {
    if (declines_ && payment.amount_milli > limit_milli) {
      payment.phase = Phase::declined;
      context.emit(wiring_.events, id,
                   PaymentDeclined{payment.country, payment.amount_milli, limit_milli});
    } else {
      payment.phase = Phase::charged;
      context.emit(wiring_.events, id, PaymentReceived{payment.country, payment.amount_milli});
    }
  }

  Wiring wiring_;
  bool declines_;
};

}  // namespace

millrace::stream::Stream<RequestId, PaymentEvent> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings, std::string_view cashier,
    std::string_view store) {
  const auto orders = builder.stream<RequestId, reads::OrderIn>(orders_topic);
  const auto stock = builder.stream<RequestId, reads::StockIn>(stock_topic);
  const Wiring wiring{builder.store<RequestId, Payment>(std::string(store)),
                      builder.emitter<RequestId, PaymentEvent>("payment-events")};
  const bool declines = settings.stock == StockMode::scarce;
  builder.merge(orders, stock).process<Cashier>(std::string(cashier), wiring, declines);
  const auto events = builder.stream(wiring.events);
  events.to(payments_topic);
  return events;
}

millrace::Result<millrace::stream::Topology> topology(const Settings& settings) {
  millrace::stream::TopologyBuilder builder("payments", settings.partitions);
  declare(builder, settings);
  return builder.build();
}

}  // namespace retail::payments
