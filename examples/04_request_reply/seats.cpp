// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "seats.hpp"

#include <variant>

namespace seats {

using millrace::stream::Emitter;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;
using millrace::stream::TopologyBuilder;

namespace {

using Outcome = std::variant<SeatsReserved, SoldOut>;

// It knows nothing of requests: no id, no reply.
class BoxOffice {
 public:
  BoxOffice(StoreRef<std::string, std::int64_t> left, Emitter<std::string, Outcome> outcomes)
      : left_(left), outcomes_(outcomes) {}

  void process(const std::string& show, const ReserveSeats& wanted, ProcessorContext& context) {
    auto all = context.store(left_);
    const std::int64_t left = all.get(show).value_or(seats_of_a_show);
    if (wanted.seats < 1 || wanted.seats > left)
      return context.emit(outcomes_, show, SoldOut{left});
    all.put(show, left - wanted.seats);
    context.emit(outcomes_, show, SeatsReserved{wanted.seats, left - wanted.seats});
  }

 private:
  StoreRef<std::string, std::int64_t> left_;
  Emitter<std::string, Outcome> outcomes_;
};

}  // namespace

// [topology]
millrace::Result<millrace::stream::Topology> topology() {
  TopologyBuilder builder("seats");
  const auto left = builder.store<std::string, std::int64_t>(left_store);
  const auto outcomes = builder.emitter<std::string, Outcome>("outcomes");
  builder.stream<std::string, ReserveSeats>(commands_topic)
      .process<BoxOffice>("box-office", left, outcomes);
  builder.stream(outcomes).to(reservations_topic);
  Reservations::declare(builder, {.commands = commands_topic}, builder.stream(outcomes));
  return builder.build();
}
// [topology]

}  // namespace seats
