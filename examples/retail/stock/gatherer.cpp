// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/stock/gatherer.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "millrace/base/hash.hpp"
#include "retail/contracts/request_rules.hpp"

namespace retail::stock {

namespace {

using millrace::stream::ProcessorContext;

constexpr millrace::ErrorCode bad_request{"retail.bad_request"};

constexpr std::uint64_t bit(std::int32_t partition) {
  return std::uint64_t{1} << static_cast<unsigned>(partition);
}

class Gatherer {
 public:
  explicit Gatherer(const GathererWiring& wiring)
      : wiring_(wiring), split_(static_cast<std::size_t>(wiring.partitions)) {}

  void process(const RequestId& id, const reads::OrderValidated& order, ProcessorContext& context) {
    begin(id, order, Phase::reserving, ShelfAction::reserve, context);
  }
  void process(const RequestId& id, const reads::ReturnAccepted& accepted,
               ProcessorContext& context) {
    begin(id, accepted, Phase::taking_back, ShelfAction::take_back, context);
  }
  void process(const RequestId& id, const reads::WriteOffAccepted& accepted,
               ProcessorContext& context) {
    begin(id, accepted, Phase::writing_off, ShelfAction::write_off, context);
  }
  void process(const RequestId& id, const reads::OrderCompleted&, ProcessorContext& context) {
    auto store = context.store(wiring_.gatherings);
    const std::optional<Gathering> gathering = store.get(id);
    if (!gathering || gathering->phase != Phase::reserved) return;
    command_holders(id, gathering->holding, ShelfAction::ship, context);
    store.erase(id);
  }
  void process(const RequestId& id, const reads::OrderRejected&, ProcessorContext& context) {
    auto store = context.store(wiring_.gatherings);
    std::optional<Gathering> gathering = store.get(id);
    if (!gathering || gathering->phase != Phase::reserved) return;
    gathering->phase = Phase::releasing;
    gathering->awaited = command_holders(id, gathering->holding, ShelfAction::give_back, context);
    conclude(id, *gathering, context);
  }

  void process(const RequestId& id, const ShelfAnswer& answer, ProcessorContext& context) {
    std::optional<Gathering> gathering = context.store(wiring_.gatherings).get(id);
    if (!gathering || gathering->awaited == 0) return;
    --gathering->awaited;
    gathering->taken += answer.taken;
    if (answer.action == ShelfAction::reserve && answer.shortages.empty())
      gathering->holding |= bit(answer.partition);
    gathering->shortages.insert(gathering->shortages.end(), answer.shortages.begin(),
                                answer.shortages.end());
    if (gathering->awaited == 0 && gathering->phase == Phase::reserving &&
        !gathering->shortages.empty()) {
      gathering->phase = Phase::giving_back;
      gathering->awaited = command_holders(id, gathering->holding, ShelfAction::give_back, context);
    }
    conclude(id, *gathering, context);
  }

 private:
  void begin(const RequestId& id, const reads::Lines& request, Phase phase, ShelfAction action,
             ProcessorContext& context) {
    if (context.store(wiring_.gatherings).get(id)) return;
    // Orders lets no such line pass; what others wrote to its topic must not reach a shelf.
    for (std::size_t i = 0; i < request.lines.size(); ++i) {
      if (const auto problem = quantity_problem(i, request.lines[i].quantity)) {
        context.dead_letter(bad_request, *problem);
        return;
      }
    }
    Gathering gathering;
    gathering.phase = phase;
    for (ShelfCommand& part : split_)
      part.lines.clear();
    for (std::size_t i = 0; i < request.lines.size(); ++i) {
      const reads::Line& line = request.lines[i];
      gathering.asked += line.quantity;
      if (!is_goods(line.product)) continue;
      ++gathering.lines;
      const std::int32_t partition = millrace::partition_of(line.product.text, wiring_.partitions);
      split_[static_cast<std::size_t>(partition)].lines.push_back(
          {static_cast<std::int64_t>(i), line.product, line.quantity});
    }
    for (std::size_t i = 0; i < split_.size(); ++i) {
      ShelfCommand& part = split_[i];
      if (part.lines.empty()) continue;
      part.action = action;
      part.partition = static_cast<std::int32_t>(i);
      context.emit(wiring_.commands, id, part);
      ++gathering.awaited;
    }
    conclude(id, gathering, context);
  }

  /// Says what came of it once nothing is awaited, and remembers what is still needed.
  void conclude(const RequestId& id, Gathering& gathering, ProcessorContext& context) {
    auto store = context.store(wiring_.gatherings);
    if (gathering.awaited > 0) {
      store.put(id, gathering);
      return;
    }
    switch (gathering.phase) {
      case Phase::reserving:
        gathering.phase = Phase::reserved;
        context.emit(wiring_.events, id, StockReserved{gathering.lines});
        store.put(id, gathering);
        return;
      case Phase::giving_back:
        context.emit(wiring_.events, id, StockRefused{gathering.shortages});
        break;
      case Phase::releasing:
        context.emit(wiring_.events, id, StockReleased{gathering.lines});
        break;
      case Phase::taking_back:
        context.emit(wiring_.events, id, GoodsTakenBack{gathering.lines});
        break;
      case Phase::writing_off:
        context.emit(wiring_.events, id, StockWrittenOff{gathering.asked, gathering.taken});
        // Nothing else follows a write-off that would end its gathering.
        gathering.phase = Phase::done;
        store.put(id, gathering);
        return;
      case Phase::reserved:
      case Phase::done:
        return;
    }
    store.erase(id);
  }

  std::int32_t command_holders(const RequestId& id, std::uint64_t holding, ShelfAction action,
                               ProcessorContext& context) {
    std::int32_t sent = 0;
    for (std::int32_t partition = 0; partition < wiring_.partitions; ++partition) {
      if ((holding & bit(partition)) == 0) continue;
      context.emit(wiring_.commands, id, ShelfCommand{action, partition, {}});
      ++sent;
    }
    return sent;
  }

  GathererWiring wiring_;
  std::vector<ShelfCommand> split_;
};

}  // namespace

void add_gatherer(const millrace::stream::Stream<RequestId, reads::Input>& events,
                  const GathererWiring& wiring) {
  events.process<Gatherer>("gatherer", wiring);
}

}  // namespace retail::stock
