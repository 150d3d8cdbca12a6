// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/stock/shelf_keeper.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/base/assert.hpp"

namespace retail::stock {

namespace {

using millrace::stream::Processor;
using millrace::stream::ProcessorContext;

class ShelfKeeper final : public Processor<RequestId, ShelfCommand> {
 public:
  explicit ShelfKeeper(const ShelfKeeperWiring& wiring) : wiring_(wiring) {}

  void process(const RequestId& id, const ShelfCommand& command,
               ProcessorContext& context) override {
    in_hand_.clear();
    unload_arrivals(context);
    ShelfAnswer answer{command.action, command.partition, 0, {}};
    switch (command.action) {
      case ShelfAction::reserve:
        reserve(id, command, answer, context);
        break;
      case ShelfAction::give_back:
        end_reservations(id, ShelfChange::released, context);
        break;
      case ShelfAction::ship:
        end_reservations(id, ShelfChange::shipped, context);
        break;
      case ShelfAction::take_back:
        for (const Reservation& line : command.lines)
          change(shelf(line.product, context), ShelfChange::taken_back, line.quantity, context);
        break;
      case ShelfAction::write_off:
        for (const Reservation& line : command.lines) {
          Shelf& from = shelf(line.product, context);
          const std::int64_t taken = std::min(line.quantity, from.level.free);
          if (taken > 0) change(from, ShelfChange::written_off, taken, context);
          answer.taken += taken;
        }
        break;
    }
    auto shelves = context.store(wiring_.shelves);
    for (const Shelf& touched : in_hand_) {
      if (touched.changed) shelves.put(touched.product, touched.level);
    }
    if (command.action != ShelfAction::ship) context.emit(wiring_.answers, id, answer);
  }

 private:
  struct Shelf {
    ProductCode product;
    ShelfLevel level;
    std::int64_t wanted = 0;  // by the command in hand, over all its lines
    bool changed = false;
  };

  /// The shelf of a product, in hand until the command is done; opened when there is none.
  Shelf& shelf(const ProductCode& product, ProcessorContext& context) {
    const auto found = std::find_if(in_hand_.begin(), in_hand_.end(),
                                    [&](const Shelf& held) { return held.product == product; });
    if (found != in_hand_.end()) return *found;
    const std::optional<ShelfLevel> stored = context.store(wiring_.shelves).get(product);
    Shelf& added = in_hand_.emplace_back(Shelf{product, stored.value_or(ShelfLevel{}), 0, false});
    if (!stored) change(added, ShelfChange::opened, wiring_.rules.opens_with, context);
    return added;
  }

  void reserve(const RequestId& id, const ShelfCommand& command, ShelfAnswer& answer,
               ProcessorContext& context) {
    auto reservations = context.store(wiring_.reservations);
    if (reservations.get(id)) return;
    for (const Reservation& line : command.lines) {
      Shelf& wanted = shelf(line.product, context);
      if (__builtin_add_overflow(wanted.wanted, line.quantity, &wanted.wanted))
        wanted.wanted = INT64_MAX;
    }
    for (const Shelf& wanted : in_hand_) {
      if (wanted.wanted > wanted.level.free)
        answer.shortages.push_back({wanted.product, wanted.wanted, wanted.level.free});
    }
    if (!answer.shortages.empty()) return;
    for (const Reservation& line : command.lines)
      change(shelf(line.product, context), ShelfChange::reserved, line.quantity, context);
    reservations.put(id, {command.lines});
  }

  void end_reservations(const RequestId& id, ShelfChange how, ProcessorContext& context) {
    auto reservations = context.store(wiring_.reservations);
    const std::optional<Reservations> held = reservations.get(id);
    if (!held) return;
    for (const Reservation& line : held->lines)
      change(shelf(line.product, context), how, line.quantity, context);
    reservations.erase(id);
  }

  /// Goods whose day has come by stream time are put on their shelves before anything else is done.
  void unload_arrivals(ProcessorContext& context) {
    if (wiring_.rules.reorder_below <= 0) return;
    auto arrivals = context.store(wiring_.arrivals);
    std::vector<std::pair<Arrival, std::int64_t>> here;
    arrivals.range(Arrival{INT64_MIN, {}}, Arrival{context.stream_time_ms() + 1, {}},
                   [&](const Arrival& arrival, std::int64_t pieces) {
                     here.emplace_back(arrival, pieces);
                     return true;
                   });
    for (const auto& [arrival, pieces] : here) {
      arrivals.erase(arrival);
      change(shelf(arrival.product, context), ShelfChange::arrived, pieces, context);
    }
  }

  /// Applies one change, publishes it, and orders more when it leaves too little.
  void change(Shelf& shelf, ShelfChange what, std::int64_t pieces, ProcessorContext& context) {
    apply(shelf.level, what, pieces);
    shelf.changed = true;
    publish(shelf, what, pieces, context);
    const ShelfRules& rules = wiring_.rules;
    if (shelf.level.free >= rules.reorder_below || shelf.level.on_order > 0) return;
    shelf.level.on_order += rules.reorder_pieces;
    publish(shelf, ShelfChange::ordered, rules.reorder_pieces, context);
    context.store(wiring_.arrivals)
        .put({context.stream_time_ms() + rules.delivery_ms, shelf.product}, rules.reorder_pieces);
  }

  static void apply(ShelfLevel& level, ShelfChange what, std::int64_t pieces) {
    switch (what) {
      case ShelfChange::opened:
        level.opened += pieces;
        break;
      case ShelfChange::reserved:
        level.reserved += pieces;
        break;
      case ShelfChange::released:
        level.reserved -= pieces;
        break;
      case ShelfChange::shipped:
        level.reserved -= pieces;
        level.shipped += pieces;
        break;
      case ShelfChange::taken_back:
        level.taken_back += pieces;
        break;
      case ShelfChange::written_off:
        level.written_off += pieces;
        break;
      case ShelfChange::arrived:
        level.on_order -= pieces;
        level.arrived += pieces;
        break;
      case ShelfChange::ordered:
        level.on_order += pieces;
        break;
    }
    level.free = level.opened + level.arrived + level.taken_back - level.written_off -
                 level.shipped - level.reserved;
    MILLRACE_ASSERT(level.free >= 0 && level.reserved >= 0, "a shelf gives no more than it has");
  }

  void publish(const Shelf& shelf, ShelfChange what, std::int64_t pieces,
               ProcessorContext& context) {
    ShelfChanged changed;
    static_cast<ShelfLevel&>(changed) = shelf.level;
    changed.change = what;
    changed.quantity = pieces;
    context.emit(wiring_.changes, shelf.product, changed);
  }

  ShelfKeeperWiring wiring_;
  std::vector<Shelf> in_hand_;  // of the command being carried out
};

}  // namespace

std::unique_ptr<Processor<RequestId, ShelfCommand>> make_shelf_keeper(
    const ShelfKeeperWiring& wiring) {
  return std::make_unique<ShelfKeeper>(wiring);
}

}  // namespace retail::stock
