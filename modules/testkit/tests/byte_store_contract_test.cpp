// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/byte_store_contract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/map_store.hpp"

namespace millrace::testkit {
namespace {

using stream::ByteStore;

/// A map in which something is wrong.
class Faulty final : public ByteStore {
 public:
  enum class Fault : std::uint8_t { keeps_erased, forgets_times, includes_end };
  explicit Faulty(Fault fault) : fault_(fault) {}

  [[nodiscard]] std::optional<Entry> get(std::string_view key) const override {
    auto found = map_.get(key);
    if (found && fault_ == Fault::forgets_times) found->time_ms = 0;
    return found;
  }
  void range(std::string_view from, std::string_view to, Visitor visit) const override {
    const std::string behind = std::string(to) + '\0';
    map_.range(from, fault_ == Fault::includes_end && !to.empty() ? behind : to, visit);
  }
  [[nodiscard]] std::optional<std::string> last_key(
      std::optional<std::string_view> before) const override {
    return map_.last_key(before);
  }
  [[nodiscard]] std::size_t size() const override { return map_.size(); }
  [[nodiscard]] std::size_t bytes() const override { return map_.bytes(); }
  void write(std::span<const Change> changes) override {
    if (fault_ != Fault::keeps_erased) return map_.write(changes);
    for (const Change& change : changes) {
      if (change.value) map_.write({&change, 1});
    }
  }
  void clear() override { map_.clear(); }

 private:
  Fault fault_;
  MapStore map_;
};

std::string broken_promise(Faulty::Fault fault) {
  try {
    check_byte_store([&] { return std::make_unique<Faulty>(fault); });
  } catch (const TestError& error) {
    return error.what();
  }
  return "none";
}

TEST(ByteStoreContract, holds_for_a_map) {
  EXPECT_NO_THROW(check_byte_store([] { return std::make_unique<MapStore>(); }));
}

TEST(ByteStoreContract, names_the_promise_that_a_store_breaks) {
  using testing::HasSubstr;
  EXPECT_THAT(broken_promise(Faulty::Fault::keeps_erased), HasSubstr("range() without ends"));
  EXPECT_THAT(broken_promise(Faulty::Fault::forgets_times), HasSubstr("event time"));
  EXPECT_THAT(broken_promise(Faulty::Fault::includes_end), HasSubstr("before the second one"));
}

}  // namespace
}  // namespace millrace::testkit
