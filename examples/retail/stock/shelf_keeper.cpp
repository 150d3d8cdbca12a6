// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/stock/shelf_keeper.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "retail/contracts/exact.hpp"

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
          answer.taken = exact_sum(answer.taken, taken);
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
    arrivals.range(Arrival{INT64_MIN, {}}, Arrival{saturating_sum(context.stream_time_ms(), 1), {}},
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
    shelf.level = after(shelf, what, pieces);
    shelf.changed = true;
    publish(shelf, what, pieces, context);
    const ShelfRules& rules = wiring_.rules;
    if (shelf.level.free >= rules.reorder_below || shelf.level.on_order > 0) return;
    shelf.level.on_order += rules.reorder_pieces;
    publish(shelf, ShelfChange::ordered, rules.reorder_pieces, context);
    context.store(wiring_.arrivals)
        .put({saturating_sum(context.stream_time_ms(), rules.delivery_ms), shelf.product},
             rules.reorder_pieces);
  }

  /// Throws what would leave a shelf that cannot be: the whole command goes to the dead letters,
  /// and no shelf changes.
  static ShelfLevel after(const Shelf& shelf, ShelfChange what, std::int64_t pieces) {
    ShelfLevel level = shelf.level;
    const auto add = [pieces](std::int64_t& number) { number = exact_sum(number, pieces); };
    const auto take = [pieces](std::int64_t& number) { number = exact_difference(number, pieces); };
    switch (what) {
      case ShelfChange::opened:
        add(level.opened);
        break;
      case ShelfChange::reserved:
        add(level.reserved);
        break;
      case ShelfChange::released:
        take(level.reserved);
        break;
      case ShelfChange::shipped:
        take(level.reserved);
        add(level.shipped);
        break;
      case ShelfChange::taken_back:
        add(level.taken_back);
        break;
      case ShelfChange::written_off:
        add(level.written_off);
        break;
      case ShelfChange::arrived:
        take(level.on_order);
        add(level.arrived);
        break;
      case ShelfChange::ordered:
        add(level.on_order);
        break;
    }
    const std::int64_t came = exact_sum(exact_sum(level.opened, level.arrived), level.taken_back);
    const std::int64_t gone =
        exact_sum(exact_sum(level.written_off, level.shipped), level.reserved);
    level.free = exact_difference(came, gone);
    if (level.free < 0 || level.reserved < 0) {
      throw std::logic_error("shelf " + shelf.product.text + " would be left with " +
                             std::to_string(level.free) + " free and " +
                             std::to_string(level.reserved) + " reserved");
    }
    return level;
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
