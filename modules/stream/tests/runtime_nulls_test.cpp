// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/stream/any_value.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "runtime_fixture.hpp"

// Records without a key or without a value, through every kind of operator.
namespace millrace::stream::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Nulls : public RuntimeTest {
 protected:
  using Build = std::function<void(TopologyBuilder&, const Stream<std::string, Deposited>&)>;

  /// A topology over `deposits` that writes to `nulls.out`.
  static std::unique_ptr<Driver> open_over_deposits(const Build& build) {
    TopologyBuilder builder("nulls", 1);
    build(builder, builder.stream<std::string, Deposited>("deposits"));
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*built);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }

  static void pipe_without_key(Driver& driver, std::int64_t amount) {
    testkit::RawRecord record;
    record.value = "{\"amount\":" + std::to_string(amount) + "}";
    record.timestamp_ms = 1'000;
    driver.pipe_raw("deposits", with_envelope(std::move(record)));
  }
  static void pipe_without_value(Driver& driver, const std::string& key) {
    testkit::RawRecord record;
    record.key = key;
    record.timestamp_ms = 2'000;
    driver.pipe_raw("deposits", with_envelope(std::move(record)));
  }
  /// `key=value` of what is in the topic, null as `-`.
  static std::vector<std::string> written(Driver& driver) {
    driver.run_until_idle();
    std::vector<std::string> out;
    for (const auto& record : driver.all_raw("nulls.out"))
      out.push_back(record.key.value_or("-") + "=" + record.value.value_or("-"));
    return out;
  }
  static std::size_t dead_letters(Driver& driver) {
    driver.run_until_idle();
    return driver.all_raw("nulls.dead-letters").size();
  }
  static std::uint64_t skipped(Driver& driver) { return driver.instance().status().skipped; }

 private:
  static testkit::RawRecord with_envelope(testkit::RawRecord record) {
    record.headers = {{"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/teller"}};
    return record;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Nulls, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Nulls, a_null_key_passes_through_functions_of_the_value) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.filter([](const Deposited& deposit) { return deposit.amount > 1; })
        .filter_not([](const Deposited& deposit) { return deposit.amount > 8; })
        .map_values([](const Deposited& deposit) { return Deposited{deposit.amount * 10}; })
        .flat_map_values([](const Deposited& deposit) { return std::vector<Deposited>{deposit}; })
        .peek([](const Deposited&) {})
        .to("nulls.out");
  });
  for (const int amount : {1, 5, 9})
    pipe_without_key(*driver, amount);
  EXPECT_THAT(written(*driver), ElementsAre("-={\"amount\":50}"));
  EXPECT_EQ(dead_letters(*driver), 0U);
}

TEST_P(Nulls, a_null_key_is_replaced_by_one_that_is_made_of_the_value) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.group_by([](const Deposited& deposit) { return std::to_string(deposit.amount); })
        .count("counts");
  });
  for (const int amount : {1, 2, 1})
    pipe_without_key(*driver, amount);
  EXPECT_EQ(dead_letters(*driver), 0U);
  EXPECT_EQ((driver->store<std::string, std::int64_t>("counts").get("1")), 2);
}

TEST_P(Nulls, a_function_that_takes_an_optional_key_gets_it_empty) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits
        .map_values([](const std::optional<std::string>& key, const Deposited& deposit) {
          return Deposited{key ? deposit.amount : -deposit.amount};
        })
        .to("nulls.out");
  });
  pipe_without_key(*driver, 5);
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  EXPECT_THAT(written(*driver), ElementsAre("-={\"amount\":-5}", "a={\"amount\":7}"));
}

TEST_P(Nulls, a_function_that_takes_a_plain_key_makes_a_dead_letter_of_a_record_without_one) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.filter([](const std::string& key, const Deposited&) { return key != "b"; })
        .to("nulls.out");
  });
  pipe_without_key(*driver, 5);
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":7}"));
  const auto letters = driver->all_raw("nulls.dead-letters");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].key, std::nullopt);
  EXPECT_EQ(letters[0].value, "{\"amount\":5}");
  EXPECT_THAT(letters[0].header("dl-reason"), testing::HasSubstr("std::optional of the key"));
}

TEST_P(Nulls, aggregations_and_inner_joins_leave_out_null_keys_and_null_values) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    const auto last = deposits.to_table("last");
    deposits.group_by_key().count("counts");
    deposits.join(last, [](const Deposited& deposit, const Deposited&) { return deposit; })
        .to("nulls.out");
  });
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(skipped(*driver), 0U);
  pipe_without_key(*driver, 5);
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":7}"));
  EXPECT_EQ(skipped(*driver), 3U);  // by the table, the count and the join
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":7}"));
  EXPECT_EQ(skipped(*driver), 5U);  // by the count and the join
  EXPECT_EQ((driver->store<std::string, std::int64_t>("counts").get("a")), 1);
  EXPECT_EQ(dead_letters(*driver), 0U);
}

TEST_P(Nulls, a_left_join_joins_a_null_key_with_nothing) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    const auto last = deposits.filter([](const Deposited&) { return true; }).to_table("last");
    deposits
        .left_join(last,
                   [](const Deposited& deposit, const Deposited* match) {
                     return match == nullptr ? Deposited{-1} : deposit;
                   })
        .to("nulls.out");
  });
  pipe_without_key(*driver, 5);
  EXPECT_THAT(written(*driver), ElementsAre("-={\"amount\":-1}"));
}

TEST_P(Nulls, a_null_value_deletes_in_a_table_and_is_written_as_a_tombstone) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.to_table("last")
        .to_stream()
        .peek([](const Deposited&) {})
        .map_values([](const Deposited& deposit) { return Deposited{deposit.amount * 10}; })
        .to("nulls.out");
  });
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  driver->run_until_idle();
  EXPECT_TRUE((driver->store<std::string, Deposited>("last").get("a")));
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":70}", "a=-"));
  EXPECT_FALSE((driver->store<std::string, Deposited>("last").get("a")));
  EXPECT_EQ(dead_letters(*driver), 0U);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_FALSE((driver->store<std::string, Deposited>("last").get("a")));
}

TEST_P(Nulls, a_function_that_takes_an_optional_value_gets_it_empty) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits
        .map_values([](const std::string&, const std::optional<Deposited>& deposit) {
          return deposit ? *deposit : Deposited{0};
        })
        .to("nulls.out");
  });
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":7}", "a={\"amount\":0}"));
}

TEST_P(Nulls, a_function_that_takes_a_plain_value_is_not_called_with_none) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.filter([](const Deposited&) { return true; }).to("nulls.out");
    deposits.for_each([](const Deposited&) {});
    deposits.select_key([](const Deposited& deposit) { return std::to_string(deposit.amount); })
        .for_each([](const std::optional<Deposited>&) {});
    deposits
        .flat_map_values([](const Deposited& deposit) { return std::vector<Deposited>{deposit}; })
        .for_each([](const Deposited&) {});
  });
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), IsEmpty());
  EXPECT_EQ(skipped(*driver), 4U);
  EXPECT_EQ(dead_letters(*driver), 0U);
}

// Emits what it gets.
template <class Key, class Value>
class Echo final : public Processor<Key, Value> {
 public:
  explicit Echo(Emitter<std::string, Deposited> out) : out_(out) {}
  void process(const Key& key, const Value& value, ProcessorContext& context) override {
    context.emit(out_, key, value);
  }

 private:
  Emitter<std::string, Deposited> out_;
};

template <class Key, class Value>
void echo(TopologyBuilder& builder, const Stream<std::string, Deposited>& deposits) {
  const auto out = builder.emitter<std::string, Deposited>("out");
  deposits.process<Echo<Key, Value>>("echo", out);
  builder.stream(out).to("nulls.out");
}

TEST_P(Nulls, a_processor_of_optionals_takes_and_emits_null_keys_and_values) {
  auto driver = open_over_deposits(echo<std::optional<std::string>, std::optional<Deposited>>);
  pipe_without_key(*driver, 5);
  pipe_without_value(*driver, "a");
  driver->pipe("deposits", std::string("b"), Deposited{7}, 1'000);
  EXPECT_THAT(written(*driver), ElementsAre("-={\"amount\":5}", "a=-", "b={\"amount\":7}"));
  EXPECT_EQ(dead_letters(*driver), 0U);
  EXPECT_EQ(skipped(*driver), 0U);
}

TEST_P(Nulls, a_processor_takes_what_of_the_two_is_optional) {
  auto keys = open_over_deposits(echo<std::optional<std::string>, Deposited>);
  pipe_without_key(*keys, 5);
  pipe_without_value(*keys, "a");
  EXPECT_THAT(written(*keys), ElementsAre("-={\"amount\":5}"));
  EXPECT_EQ(skipped(*keys), 1U);
  auto values = open_over_deposits(echo<std::string, std::optional<Deposited>>);
  pipe_without_key(*values, 5);
  pipe_without_value(*values, "a");
  EXPECT_THAT(written(*values), ElementsAre("a=-"));
  EXPECT_EQ(dead_letters(*values), 1U);
}

TEST_P(Nulls, a_processor_of_plain_types_is_not_called_with_null) {
  auto driver = open_over_deposits(echo<std::string, Deposited>);
  pipe_without_key(*driver, 5);
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), IsEmpty());
  EXPECT_EQ(dead_letters(*driver), 1U);
  EXPECT_EQ(skipped(*driver), 1U);
}

TEST_P(Nulls, a_processor_deletes_by_a_timestamp_of_its_own) {
  class Delete final : public Processor<std::string, Deposited> {
   public:
    explicit Delete(Emitter<std::string, Deposited> out) : out_(out) {}
    void process(const std::string& key, const Deposited&, ProcessorContext& context) override {
      context.emit_at(500, out_, key, std::nullopt);
    }

   private:
    Emitter<std::string, Deposited> out_;
  };
  auto driver = open_over_deposits([](TopologyBuilder& builder, const auto& deposits) {
    const auto out = builder.emitter<std::string, Deposited>("out");
    deposits.template process<Delete>("delete", out);
    builder.stream(out).to("nulls.out");
  });
  driver->pipe("deposits", std::string("b"), Deposited{7}, 1'000);
  EXPECT_THAT(written(*driver), ElementsAre("b=-"));
  EXPECT_EQ(driver->all_raw("nulls.out")[0].timestamp_ms, 500);
}

TEST_P(Nulls, a_record_of_a_table_without_a_key_is_a_dead_letter) {
  TopologyBuilder builder("nulls", 1);
  builder.table<std::string, Deposited>("deposits", "last").to_stream().to("nulls.out");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  pipe_without_key(*driver, 5);
  EXPECT_THAT(written(*driver), IsEmpty());
  EXPECT_EQ(dead_letters(*driver), 1U);
}

TEST_P(Nulls, a_partitioner_of_the_value_leaves_out_a_deletion_and_the_table_keeps_it) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.to_table("last").to_stream().to(
        "nulls.out", [](const std::string&, const Deposited& deposit, std::int32_t count) {
          return static_cast<std::int32_t>(deposit.amount % count);
        });
  });
  driver->pipe("deposits", std::string("a"), Deposited{7}, 1'000);
  pipe_without_value(*driver, "a");
  EXPECT_THAT(written(*driver), ElementsAre("a={\"amount\":7}"));
  EXPECT_FALSE((driver->store<std::string, Deposited>("last").get("a")));
  EXPECT_EQ(skipped(*driver), 1U);
  EXPECT_EQ(dead_letters(*driver), 0U);
}

TEST_P(Nulls, a_partitioner_that_takes_optional_key_and_value_places_all_records) {
  auto driver = open_over_deposits([](TopologyBuilder&, const auto& deposits) {
    deposits.to("nulls.out", [](const std::optional<std::string>& key,
                                const std::optional<Deposited>& deposit, std::int32_t) {
      return key && deposit ? 1 : 0;  // of one partition: 1 is refused
    });
  });
  pipe_without_value(*driver, "a");
  pipe_without_key(*driver, 5);
  EXPECT_THAT(written(*driver), ElementsAre("a=-", "-={\"amount\":5}"));
  EXPECT_EQ(dead_letters(*driver), 0U);
}

TEST_P(Nulls, a_stream_of_any_value_leaves_out_records_without_a_key) {
  TopologyBuilder builder("nulls", 1);
  builder.stream<std::string, AnyValue>("deposits").for_each([](const AnyValue&) {});
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  pipe_without_key(*driver, 5);
  EXPECT_EQ(dead_letters(*driver), 0U);
  EXPECT_EQ(skipped(*driver), 1U);
}

}  // namespace
}  // namespace millrace::stream::test
