// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <rapidcheck.h>

#include <cmath>
#include <string>

#include "shop.hpp"

/// Arbitrary values for property tests. Texts are UTF-8, with characters of all lengths and those
/// that JSON escapes.
namespace shop {

inline rc::Gen<std::string> any_text() {
  using rc::gen::element;
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(element<std::string>(
                          "a", "Z", " ", "\"", "\\", "/", "\n", "\t", "\x01", std::string(1, '\0'),
                          "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "plain words ")),
                      [](const std::vector<std::string>& parts) {
                        std::string out;
                        for (const std::string& part : parts) {
                          out += part;
                        }
                        return out;
                      });
}

inline rc::Gen<Line> any_line() {
  return rc::gen::build<Line>(
      rc::gen::set(&Line::product, any_text()),
      rc::gen::set(&Line::description,
                   rc::gen::apply(
                       [](bool some, std::string text) {
                         return some ? std::optional<std::string>(std::move(text)) : std::nullopt;
                       },
                       rc::gen::arbitrary<bool>(), any_text())),
      rc::gen::set(&Line::quantity),
      rc::gen::set(&Line::price,
                   rc::gen::inRange(-(std::int64_t{1} << 53), std::int64_t{1} << 53)));
}

inline rc::Gen<OrderId> any_id() {
  return rc::gen::build<OrderId>(rc::gen::set(&OrderId::value, any_text()));
}
inline rc::Gen<Reason> any_reason() {
  return rc::gen::element(Reason::out_of_stock, Reason::payment_declined);
}

inline rc::Gen<Event> any_event() {
  return rc::gen::apply(
      [](int which, OrderId id, std::vector<Line> lines, Reason reason) -> Event {
        switch (which) {
          case 0:
            return Placed{std::move(id), std::move(lines)};
          case 1:
            return Rejected{std::move(id), reason};
          default:
            return Closed{};
        }
      },
      rc::gen::inRange(0, 3), any_id(), rc::gen::container<std::vector<Line>>(any_line()),
      any_reason());
}

inline rc::Gen<double> any_finite() {
  return rc::gen::map(rc::gen::arbitrary<double>(),
                      [](double value) { return std::isfinite(value) ? value : 0.5; });
}

inline rc::Gen<Everything> any_everything() {
  return rc::gen::scale(
      0.2,
      rc::gen::build<Everything>(
          rc::gen::set(&Everything::flag), rc::gen::set(&Everything::i32),
          rc::gen::set(&Everything::i64), rc::gen::set(&Everything::u32),
          rc::gen::set(&Everything::u64), rc::gen::set(&Everything::number, any_finite()),
          rc::gen::set(&Everything::text, any_text()),
          rc::gen::set(&Everything::reason, any_reason()),
          rc::gen::set(&Everything::maybe,
                       rc::gen::apply(
                           [](bool some, std::int64_t value) {
                             return some ? std::optional(value) : std::nullopt;
                           },
                           rc::gen::arbitrary<bool>(), rc::gen::arbitrary<std::int64_t>())),
          rc::gen::set(&Everything::list, rc::gen::container<std::vector<std::string>>(any_text())),
          rc::gen::set(&Everything::by_name,
                       rc::gen::container<std::map<std::string, Line>>(any_text(), any_line())),
          rc::gen::set(&Everything::event, any_event()),
          rc::gen::set(&Everything::events, rc::gen::container<std::vector<Event>>(any_event())),
          rc::gen::set(&Everything::id, rc::gen::map(any_id(), [](OrderId id) {
            return id.value.empty() ? std::nullopt : std::optional(std::move(id));
          }))));
}

}  // namespace shop
