// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/log/backend/rules.hpp"
#include "state.hpp"

namespace millrace::log::kafka {

// The fields of the records of `__millrace`; docs/formats/kafka.md.

class StateWriter {
 public:
  StateWriter& number(std::int64_t value) {
    out_.varint(value);
    return *this;
  }
  StateWriter& tick(std::uint64_t value) { return number(static_cast<std::int64_t>(value)); }
  StateWriter& text(std::string_view value) {
    out_.varint_text<std::int64_t>(value);
    return *this;
  }
  template <class Container>
  StateWriter& texts(const Container& values) {
    number(static_cast<std::int64_t>(values.size()));
    for (const std::string& value : values)
      text(value);
    return *this;
  }
  StateWriter& topic(const TopicMade& made) {
    return text(made.spec.name)
        .number(made.spec.partitions)
        .number(static_cast<std::int64_t>(stored_kind(made.spec.kind)))
        .text(made.spec.owner)
        .number(made.compacts ? 1 : 0);
  }
  std::string take() { return out_.take(); }

 private:
  std::string bytes_;
  ByteWriter out_{bytes_};
};

class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : in_(bytes) {}
  std::int64_t number() { return in_.varint<std::int64_t>(); }
  std::uint64_t tick() { return static_cast<std::uint64_t>(number()); }
  std::int32_t small() { return static_cast<std::int32_t>(number()); }
  /// A count of things that take at least one byte each.
  std::size_t count() { return in_.count(number()); }
  std::string text() { return std::string(in_.varint_text<std::int64_t>()); }
  std::vector<std::string> texts() {
    std::vector<std::string> values(count());
    for (std::string& value : values)
      value = text();
    return values;
  }
  TopicMade topic() {
    TopicMade made;
    TopicSpec& spec = made.spec;
    spec.name = text();
    spec.partitions = small();
    const std::int64_t kind = number();
    spec.owner = text();
    const std::int64_t compacts = number();
    const bool fits = spec.partitions > 0 && kind >= static_cast<std::int64_t>(TopicKind::events) &&
                      kind <= static_cast<std::int64_t>(TopicKind::private_topic) &&
                      (compacts == 0 || compacts == 1);
    if (!fits) in_.fail();
    made.compacts = compacts == 1;
    spec.kind = kind_of_stored(static_cast<TopicKind>(kind), spec.owner, made.compacts);
    return made;
  }
  /// Fields that were added later stand at the end: earlier writers end before them.
  [[nodiscard]] bool has_more() const { return !in_.at_end(); }
  [[nodiscard]] bool good() const { return in_.ok(); }

 private:
  ByteReader in_;
};

}  // namespace millrace::log::kafka
