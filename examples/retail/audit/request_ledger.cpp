// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/request_ledger.hpp"

#include <algorithm>
#include <boost/describe/enum_to_string.hpp>
#include <stdexcept>
#include <utility>

#include "millrace/base/hash.hpp"
#include "retail/audit/violations.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"

namespace retail {

using namespace millrace;

namespace {

// In the order of RequestLedger::Event.
constexpr std::string_view event_names[] = {"OrderRequested",
                                            "ReturnRequested",
                                            "WriteOffRequested",
                                            "OrderValidated",
                                            "OrderConfirmed",
                                            "OrderCompleted",
                                            "OrderRejected",
                                            "ReturnAccepted",
                                            "ReturnCompleted",
                                            "WriteOffAccepted",
                                            "StockReserved",
                                            "StockRefused",
                                            "StockReleased",
                                            "GoodsTakenBack",
                                            "StockWrittenOff",
                                            "PaymentReceived",
                                            "PaymentDeclined",
                                            "PaymentRefunded (rollback)",
                                            "PaymentRefunded (credit_note)",
                                            "PackagingFailed",
                                            "OrderDispatched"};

}  // namespace

RequestLedger::Event RequestLedger::event_of(std::string_view type) {
  if (type == "PaymentRefunded") return rolled_back;  // until its content tells
  for (std::size_t i = 0; i < std::size(event_names); ++i) {
    if (event_names[i] == type) return static_cast<Event>(i);
  }
  return other_event;
}

Status RequestLedger::read(TopicReader& topics, AuditReport& report) {
  for (const char* topic :
       {requests_topic, orders_topic, stock_topic, payments_topic, shipments_topic}) {
    MILLRACE_ASSIGN(const bool found,
                    topics.read(topic, [&](const AuditedRecord& record) { take(record, report); }));
    if (!found) violation(report, std::string(topic) + ": there is no such topic");
  }
  return read_letters(topics);
}

Status RequestLedger::read_letters(TopicReader& topics) {
  for (const char* topic : step_dead_letters_topics) {
    const auto visit = [&](const AuditedRecord& record) {
      Entry& entry = entries_[std::string(record.key())];
      if (record.record.headers.find("dl-topic") == requests_topic) {
        entry.dead_letter = xxh64(record.context.id);
      } else if (entry.stopped_at.empty()) {
        entry.stopped_at = record.name() + ", " +
                           std::string(record.record.headers.find("dl-reason").value_or(""));
      }
    };
    MILLRACE_TRY(topics.read(topic, visit));
  }
  return {};
}

void RequestLedger::take(const AuditedRecord& record, AuditReport& report) {
  Event event = event_of(record.context.type);
  Entry& entry = entries_[std::string(record.key())];
  if (event == rolled_back) {
    const auto refund = record.decode<PaymentRefunded>();
    if (refund && refund->kind == RefundKind::credit_note) event = credited;
  }
  entry.links.push_back({xxh64(record.context.id), xxh64(record.context.causation), event});
  if (entry.seen[event] < 255) ++entry.seen[event];
  try {
    take_content(entry, event, record, report);
  } catch (const std::overflow_error& error) {
    violation(report, record.name() + ": " + error.what());
  }
}

void RequestLedger::take_content(Entry& entry, Event event, const AuditedRecord& record,
                                 AuditReport& report) {
  const auto use = [&]<class T>(Result<T> value, auto&& apply) {
    if (value) {
      apply(*value);
    } else {
      violation(report, record.name() + ": " + value.error().message());
    }
  };
  switch (event) {
    case validated:
      return use(record.decode<OrderValidated>(), [&](const OrderValidated& order) {
        entry.total = order.total_milli;
        entry.lines = static_cast<std::int64_t>(order.lines.size());
      });
    case completed_:
      return use(record.decode<OrderCompleted>(), [&](const OrderCompleted& order) {
        money_[order.country.name].completed += order.total_milli;
        ++money_[order.country.name].orders;
      });
    case rejected:
      return use(record.decode<OrderRejected>(),
                 [&](const OrderRejected& order) { entry.reason = order.reason; });
    case received:
      return use(record.decode<PaymentReceived>(), [&](const PaymentReceived& payment) {
        entry.charged += payment.amount_milli;
        money_[payment.country.name].kept += payment.amount_milli;
      });
    case rolled_back:
      return use(record.decode<PaymentRefunded>(), [&](const PaymentRefunded& refund) {
        entry.rolled_back += refund.amount_milli;
        money_[refund.country.name].kept -= refund.amount_milli;
      });
    case credited:
      return use(record.decode<PaymentRefunded>(), [&](const PaymentRefunded& refund) {
        money_[refund.country.name].credited += refund.amount_milli;
      });
    case recorded:
      return use(record.decode<StockWrittenOff>(), [&](const StockWrittenOff& write_off) {
        written_off_ = exact_sum(written_off_, write_off.taken);
      });
    default:
      return;
  }
}

void RequestLedger::expect(const std::string& id, const Entry& entry,
                           std::initializer_list<Event> once, AuditReport& report) {
  // What leads nowhere and may be there or not: delays, packing, repeated requests.
  for (std::size_t i = validated; i < other_event; ++i) {
    const auto event = static_cast<Event>(i);
    const std::size_t wanted = std::find(once.begin(), once.end(), event) != once.end() ? 1 : 0;
    if (entry.seen[i] != wanted) {
      violation(report, id + ": " + std::string(event_names[i]) + " " +
                            std::to_string(entry.seen[i]) + " times, not " +
                            std::to_string(wanted));
    }
  }
}

void RequestLedger::check_chain(const std::string& id, const Entry& entry, Event last,
                                AuditReport& report) {
  const auto link = std::find_if(entry.links.begin(), entry.links.end(),
                                 [&](const Link& l) { return l.event == last; });
  if (link == entry.links.end()) return;
  const Link* at = &*link;
  // No chain is longer than there are events, unless it runs in a circle.
  for (std::size_t hops = 0; hops <= entry.links.size(); ++hops) {
    if (at->event <= write_off_requested) {
      const auto first = std::find_if(entry.links.begin(), entry.links.end(),
                                      [](const Link& l) { return l.event <= write_off_requested; });
      if (at->id != first->id && first->id != entry.dead_letter)
        violation(report, id + ": " + std::string(event_names[last]) +
                              " comes of a request that was not the first under its id");
      if (at->id == entry.dead_letter)
        violation(report, id + ": " + std::string(event_names[last]) +
                              " comes of a request that was dead-lettered");
      return;
    }
    const auto cause = std::find_if(entry.links.begin(), entry.links.end(),
                                    [&](const Link& l) { return l.id == at->cause; });
    if (cause == entry.links.end()) break;
    at = &*cause;
  }
  violation(report, id + ": the causes of " + std::string(event_names[last]) +
                        " do not lead back to the request");
}

void RequestLedger::check_order(const std::string& id, const Entry& entry, AuditReport& report) {
  ++report.orders;
  report.lines += entry.lines;
  if (entry.seen[completed_] > 0) {
    ++report.completed;
    expect(id, entry, {validated, confirmed, completed_, reserved, received, dispatched}, report);
    check_chain(id, entry, completed_, report);
    if (entry.charged != entry.total)
      violation(report, id + ": charged " + std::to_string(entry.charged.milli) + " of " +
                            std::to_string(entry.total.milli));
    return;
  }
  ++report.rejected;
  ++report.rejected_by[boost::describe::enum_to_string(entry.reason, "")];
  switch (entry.reason) {
    case RejectionReason::out_of_stock:
      expect(id, entry, {validated, rejected, refused}, report);
      break;
    case RejectionReason::payment_declined:
      expect(id, entry, {validated, rejected, reserved, declined, released}, report);
      break;
    case RejectionReason::packing_failed:
      expect(id, entry,
             {validated, confirmed, rejected, reserved, received, packaging_failed, released,
              rolled_back},
             report);
      break;
  }
  for (const Event last : {rejected, released, rolled_back})
    check_chain(id, entry, last, report);
  if (entry.charged != entry.rolled_back)
    violation(report, id + ": rejected, but charged " + std::to_string(entry.charged.milli) +
                          " and gave back " + std::to_string(entry.rolled_back.milli));
}

void RequestLedger::check_return(const std::string& id, const Entry& entry, AuditReport& report) {
  ++report.returns;
  expect(id, entry, {accepted, returned_, taken_back, credited}, report);
  check_chain(id, entry, returned_, report);
}

void RequestLedger::check(AuditReport& report) const {
  for (const RejectionReason reason :
       {RejectionReason::out_of_stock, RejectionReason::payment_declined,
        RejectionReason::packing_failed}) {
    report.rejected_by[boost::describe::enum_to_string(reason, "")];
  }
  std::vector<const Entries::value_type*> sorted;
  sorted.reserve(entries_.size());
  for (const auto& entry : entries_)
    sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  for (const auto* item : sorted) {
    const auto& [id, entry] = *item;
    const bool asked = std::any_of(entry.seen.begin(), entry.seen.begin() + validated,
                                   [](std::uint8_t seen) { return seen > 0; });
    if (asked) {
      ++report.invoices;
    } else {
      violation(report, id + ": there are events, but no request");
    }
    if (entry.seen[completed_] > 0 || entry.seen[rejected] > 0) {
      check_order(id, entry, report);
    } else if (entry.seen[returned_] > 0) {
      check_return(id, entry, report);
    } else if (entry.seen[recorded] > 0) {
      ++report.write_offs;
      // Stock took write-offs straight from the requests before orders decided on them.
      if (entry.seen[write_off_accepted] > 0) {
        expect(id, entry, {write_off_accepted, recorded}, report);
      } else {
        expect(id, entry, {recorded}, report);
      }
      check_chain(id, entry, recorded, report);
    } else if (entry.dead_letter != 0 && entry.stopped_at.empty()) {
      ++report.dead_lettered;
      expect(id, entry, {}, report);
    } else {
      violation(report, id + ": not in a final state" +
                            (entry.stopped_at.empty()
                                 ? std::string()
                                 : ", stopped by the dead letter " + entry.stopped_at));
    }
  }
}

bool RequestLedger::completed(std::string_view id) const {
  const auto found = entries_.find(std::string(id));
  return found != entries_.end() && found->second.seen[completed_] > 0;
}

bool RequestLedger::returned(std::string_view id) const {
  const auto found = entries_.find(std::string(id));
  return found != entries_.end() && found->second.seen[returned_] > 0;
}

}  // namespace retail
