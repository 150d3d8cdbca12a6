// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/stream/requests.hpp"
#include "millrace/stream/topology.hpp"

/// A service that is asked to book money into tills.
namespace millrace::service::tills {

struct Book {
  std::int64_t pence = 0;
};
BOOST_DESCRIBE_STRUCT(Book, (), (pence))
struct Booked {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Booked, (), (total))
struct Refused {
  std::string why;
};
BOOST_DESCRIBE_STRUCT(Refused, (), (why))

using TillEvent = std::variant<Booked, Refused>;
using Bookings = stream::Requests<std::string, Book, Booked, Refused>;

/// 13 pence have no outcome.
class Till {
 public:
  Till(stream::StoreRef<std::string, std::int64_t> totals,
       stream::Emitter<std::string, TillEvent> out)
      : totals_(totals), out_(out) {}
  void process(const std::string& till, const Book& book, stream::ProcessorContext& context) {
    auto totals = context.store(totals_);
    const std::int64_t total = totals.get(till).value_or(0) + book.pence;
    if (book.pence == 13) return;
    if (total < 0) return context.emit(out_, till, Refused{"empty"});
    totals.put(till, total);
    context.emit(out_, till, Booked{total});
  }

 private:
  stream::StoreRef<std::string, std::int64_t> totals_;
  stream::Emitter<std::string, TillEvent> out_;
};

/// Names: of each kind of request.
inline stream::Topology topology(const std::vector<std::string>& names = {"requests"}) {
  stream::TopologyBuilder builder("tills");
  const auto totals = builder.store<std::string, std::int64_t>("totals");
  const auto out = builder.emitter<std::string, TillEvent>("out");
  builder.stream<std::string, Book>("tills.commands").process<Till>("till", totals, out);
  builder.stream(out).to("tills.events");
  for (const std::string& name : names)
    Bookings::declare(builder, {.commands = "tills.commands", .name = name}, builder.stream(out));
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

inline stream::RequestAsked book(const std::string& till, std::int64_t pence) {
  return {"Book", "\"" + till + "\"", "{\"pence\":" + std::to_string(pence) + "}"};
}

}  // namespace millrace::service::tills
