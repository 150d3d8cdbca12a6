// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/shelf_ledger.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <stdexcept>

#include "retail/audit/violations.hpp"
#include "retail/contracts/exact.hpp"

namespace retail {

using namespace millrace;

namespace {

struct Line {
  ProductCode product;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Line, (), (product, quantity))
struct Lines {
  std::vector<Line> lines;
};
BOOST_DESCRIBE_STRUCT(Lines, (), (lines))

ShelfLevel after(ShelfLevel level, ShelfChange change, std::int64_t pieces) {
  switch (change) {
    case ShelfChange::opened:
      level.opened = exact_sum(level.opened, pieces);
      level.free = exact_sum(level.free, pieces);
      break;
    case ShelfChange::reserved:
      level.reserved = exact_sum(level.reserved, pieces);
      level.free = exact_difference(level.free, pieces);
      break;
    case ShelfChange::released:
      level.reserved = exact_difference(level.reserved, pieces);
      level.free = exact_sum(level.free, pieces);
      break;
    case ShelfChange::shipped:
      level.reserved = exact_difference(level.reserved, pieces);
      level.shipped = exact_sum(level.shipped, pieces);
      break;
    case ShelfChange::taken_back:
      level.taken_back = exact_sum(level.taken_back, pieces);
      level.free = exact_sum(level.free, pieces);
      break;
    case ShelfChange::written_off:
      level.written_off = exact_sum(level.written_off, pieces);
      level.free = exact_difference(level.free, pieces);
      break;
    case ShelfChange::ordered:
      level.on_order = exact_sum(level.on_order, pieces);
      break;
    case ShelfChange::arrived:
      level.on_order = exact_difference(level.on_order, pieces);
      level.arrived = exact_sum(level.arrived, pieces);
      level.free = exact_sum(level.free, pieces);
      break;
  }
  return level;
}

bool same(const ShelfLevel& a, const ShelfLevel& b) {
  return a.opened == b.opened && a.arrived == b.arrived && a.taken_back == b.taken_back &&
         a.written_off == b.written_off && a.shipped == b.shipped && a.reserved == b.reserved &&
         a.free == b.free && a.on_order == b.on_order;
}

}  // namespace

ShelfLedger::ShelfLedger(const Levels& before) {
  for (const auto& [product, level] : before)
    shelves_[product] = {level, level.shipped, level.taken_back, level.written_off};
}

ShelfLedger::Levels ShelfLedger::levels() const {
  Levels levels;
  for (const auto& [product, shelf] : shelves_)
    levels.emplace(product, shelf.level);
  return levels;
}

void ShelfLedger::take(const AuditedRecord& record, AuditReport& report) {
  try {
    take_change(record, report);
  } catch (const std::overflow_error& error) {
    violation(report, record.name() + ": " + error.what());
  }
}

void ShelfLedger::take_change(const AuditedRecord& record, AuditReport& report) {
  const auto changed = record.decode<ShelfChanged>();
  const auto wrong = [&](const std::string& what) {
    violation(report, record.name() + ": " + std::string(record.key()) + ": " + what);
  };
  if (!changed) return wrong(changed.error().message());
  const ShelfLevel& level = *changed;
  const std::int64_t came = exact_sum(exact_sum(level.opened, level.arrived), level.taken_back);
  const std::int64_t gone = exact_sum(exact_sum(level.written_off, level.shipped), level.reserved);
  if (level.free != exact_difference(came, gone)) {
    wrong("free is not what the other numbers leave");
  }
  if (level.free < 0) wrong("free is " + std::to_string(level.free));
  if (level.reserved < 0) wrong("reserved is " + std::to_string(level.reserved));
  ShelfLevel& before = shelves_[std::string(record.key())].level;
  if (!same(after(before, changed->change, changed->quantity), level)) {
    wrong(std::string("the level is not the one before and ") + std::to_string(changed->quantity) +
          " " + boost::describe::enum_to_string(changed->change, ""));
  }
  before = level;
}

Status ShelfLedger::read(TopicReader& topics, const RequestLedger& requests, AuditReport& report) {
  MILLRACE_ASSIGN(const bool found, topics.read(shelves_topic, [&](const AuditedRecord& record) {
    take(record, report);
  }));
  if (!found) violation(report, std::string(shelves_topic) + ": there is no such topic");
  const auto add = [&](const AuditedRecord& record) {
    const bool sale = record.context.type == "OrderValidated" && requests.completed(record.key());
    const bool back = record.context.type == "ReturnAccepted" && requests.returned(record.key());
    if (!sale && !back) return;
    const auto lines = codec::from_json<Lines>(record.record.value.value_or(""));
    if (!lines) return;  // said when requests were read
    for (const Line& line : lines->lines) {
      if (!is_goods(line.product)) continue;
      Shelf& shelf = shelves_[line.product.text];
      std::int64_t& pieces = sale ? shelf.shipped : shelf.taken_back;
      pieces = saturating_sum(pieces, line.quantity);
    }
  };
  MILLRACE_TRY(topics.read(orders_topic, add));
  return {};
}

void ShelfLedger::check(const RequestLedger& requests, AuditReport& report) const {
  std::int64_t written_off = 0;
  std::int64_t expected = requests.written_off();
  for (const auto& [product, shelf] : shelves_) {
    const auto wrong = [&, &name = product](const char* what, std::int64_t is,
                                            std::int64_t should) {
      violation(report, "shelf " + name + ": " + what + " is " + std::to_string(is) +
                            ", should be " + std::to_string(should));
    };
    if (shelf.level.reserved != 0) wrong("reserved", shelf.level.reserved, 0);
    if (shelf.level.shipped != shelf.shipped) wrong("shipped", shelf.level.shipped, shelf.shipped);
    if (shelf.level.taken_back != shelf.taken_back)
      wrong("taken_back", shelf.level.taken_back, shelf.taken_back);
    written_off = saturating_sum(written_off, shelf.level.written_off);
    expected = saturating_sum(expected, shelf.written_off);
  }
  if (written_off != expected) {
    violation(report, "shelves lost " + std::to_string(written_off) +
                          " pieces to write-offs, which say they took " + std::to_string(expected));
  }
}

}  // namespace retail
