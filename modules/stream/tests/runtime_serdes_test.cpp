// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Topics and stores whose bytes are those of a serde of the user's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "millrace/stream/memory_store.hpp"
#include "millrace/stream/reader.hpp"
#include "millrace/stream/reset.hpp"
#include "runtime_fixture.hpp"
#include "tagged_serde.hpp"

namespace millrace::stream::test {
namespace {

/// An account as a later build knows it.
namespace named {
struct Balance {
  std::optional<std::string> owner;
  std::int64_t total = 0;
  std::int64_t deposits = 0;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (owner, total, deposits))
}  // namespace named

using codec::Envelope;
using std::string;
using testing::HasSubstr;
using testing::IsEmpty;

class OwnSerdes : public RuntimeTest {
 protected:
  /// What counts and publishes deposits, with serdes everywhere.
  static Topology ledger(const std::shared_ptr<Tagged>& kept) {
    TopologyBuilder builder("bank");
    const auto balances = builder.store<string, Balance>("balances", serde(kept));
    const auto out = builder.emitter<string, Balance>("out");
    builder.stream<string, Deposited>("deposits", deposits())
        .process<Bank>("bank", balances, out, BankOptions{});
    builder.stream(out).to("bank.balances", published());
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    return *std::move(built);
  }
  static Serdes deposits() { return serde(tagged("key-of"), tagged("in"), Envelope::none); }
  static Serdes published() { return serde(tagged("out")); }

  std::unique_ptr<Driver> open_ledger(InstanceOptions options = {}) {
    auto driver = open(ledger(kept_), std::move(options));
    driver->set_serdes("deposits", deposits());
    driver->set_serdes("bank.balances", published());
    driver->declare_topic("deposits", "teller");
    driver->run_until_idle();
    return driver;
  }

  const std::shared_ptr<Tagged> kept_ = tagged("kept");
};
INSTANTIATE_TEST_SUITE_P(On, OwnSerdes, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(OwnSerdes, are_those_of_source_store_and_sink) {
  auto driver = open_ledger();
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->pipe("deposits", string("anna"), Deposited{6}, 1'001);
  driver->run_until_idle();

  const auto inputs = driver->all_raw("deposits");
  EXPECT_EQ(inputs.at(0).key, "key-of#\"anna\"");
  EXPECT_EQ(inputs.at(0).value, "in#{\"amount\":5}");
  EXPECT_THAT(inputs.at(0).headers, IsEmpty());

  EXPECT_EQ(totals(*driver).at("anna"), 11);
  const auto changes = driver->all_raw("bank.balances.changelog");
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ(changes.back().key, "anna");
  EXPECT_EQ(changes.back().value, "kept#{\"total\":11,\"deposits\":2}");

  const auto out = driver->all_raw("bank.balances");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1].key, "anna");
  EXPECT_EQ(out[1].value, "out#{\"total\":11,\"deposits\":2}");
  EXPECT_EQ(out[1].header("content-type"), "text/tagged");
  EXPECT_EQ(out[1].header("ce_type"), "Balance");
  EXPECT_EQ((driver->read<string, Balance>("bank.balances").at(1).value), (Balance{11, 2}));
}

TEST_P(OwnSerdes, of_a_store_read_after_a_restart_what_they_wrote) {
  auto driver = open_ledger();
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  driver->restart();
  driver->run_until_idle();
  driver->crash_and_restart();
  driver->run_until_idle();
  driver->pipe("deposits", string("anna"), Deposited{6}, 1'001);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 11);
}

TEST_P(OwnSerdes, that_return_an_error_or_throw_while_reading_cost_the_record_alone) {
  auto driver = open_ledger();
  for (const char* const value : {"untagged", "throw"}) {
    testkit::RawRecord record;
    record.key = "key-of#\"anna\"";
    record.value = value;
    record.timestamp_ms = 1'000;
    driver->pipe_raw("deposits", record);
  }
  testkit::RawRecord bad_key;
  bad_key.key = "throw";
  bad_key.value = "in#{\"amount\":5}";
  bad_key.timestamp_ms = 1'001;
  driver->pipe_raw("deposits", bad_key);
  driver->pipe("deposits", string("anna"), Deposited{7}, 1'002);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 7);

  std::map<string, string> reasons;  // by what was sent
  for (const auto& letter : driver->read_raw("bank.dead-letters"))
    reasons[*letter.value + " of " + *letter.key] =
        letter.header("dl-code") + " " + letter.header("dl-reason");
  ASSERT_EQ(reasons.size(), 3U);
  EXPECT_EQ(reasons["untagged of key-of#\"anna\""], "codec.malformed no tag in");
  EXPECT_EQ(reasons["throw of key-of#\"anna\""], "codec.serde_failed serde in: no schema");
  EXPECT_EQ(reasons["in#{\"amount\":5} of throw"],
            "codec.serde_failed key: serde key-of: no schema");
}

TEST_P(OwnSerdes, that_fail_while_reading_go_by_the_policy_for_it) {
  InstanceOptions options;
  options.on_deserialization_error = ErrorAction::skip;
  auto driver = open_ledger(std::move(options));
  testkit::RawRecord record;
  record.key = "key-of#\"anna\"";
  record.value = "throw";
  record.timestamp_ms = 1'000;
  driver->pipe_raw("deposits", record);
  driver->run_until([&] { return driver->instance().status().records == 1; });
  EXPECT_EQ(driver->instance().status().skipped, 1U);
  EXPECT_THAT(driver->all_raw("bank.dead-letters"), IsEmpty());
}

TEST_P(OwnSerdes, that_throw_while_writing_cost_the_record_that_is_processed) {
  auto driver = open_ledger();
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  kept_->on_encode = [] { throw std::runtime_error("no room"); };
  driver->pipe("deposits", string("anna"), Deposited{6}, 1'001);
  driver->run_until_idle();
  kept_->on_encode = {};
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "stream.handler_failed");
  EXPECT_EQ(dead[0].header("dl-reason"), "no room");
  EXPECT_EQ(dead[0].value, "in#{\"amount\":6}");
  EXPECT_EQ(totals(*driver).at("anna"), 5);

  // Its replay is read by the same serdes.
  auto again = dead[0];
  again.partition = std::stoi(again.header("dl-partition"));
  driver->pipe_raw("bank.retry", again);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 11);
}

TEST_P(OwnSerdes, that_use_a_serde_while_they_encode_disturb_nobody) {
  auto driver = open_ledger();
  // As one that writes the schema of its values to a store of schemas would.
  MemoryStore schemas;
  Store<string, string> store(schemas, *kept_);
  bool nested = false;
  kept_->on_encode = [&] {
    if (nested) return;
    nested = true;
    store.put("a schema with a long name, and what is in it", string(500, 'x'));
    nested = false;
  };
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  kept_->on_encode = {};
  EXPECT_EQ(driver->all_raw("bank.balances.changelog").back().value,
            "kept#{\"total\":5,\"deposits\":1}");
  EXPECT_EQ(store.get("a schema with a long name, and what is in it"), string(500, 'x'));
}

TEST_P(OwnSerdes, of_a_tables_topic_are_read_again_when_it_is_restored) {
  TopologyBuilder builder("bank");
  builder.table<string, Balance>("customers", "customers", deposits());
  auto driver = open(*builder.build());
  driver->set_serdes("customers", deposits());
  driver->declare_topic("customers", "crm");
  driver->pipe("customers", string("anna"), Balance{1, 2}, 1'000);
  testkit::RawRecord bad;
  bad.key = "throw";
  bad.value = "throw";
  bad.timestamp_ms = 1'001;
  driver->pipe_raw("customers", bad);
  driver->run_until_idle();
  driver->crash_and_restart();
  driver->run_until_idle();
  const auto store = driver->store<string, Balance>("customers");
  EXPECT_EQ(store.all().size(), 1U);
  EXPECT_EQ(store.get("anna"), (Balance{1, 2}));
}

TEST_P(OwnSerdes, that_throw_for_a_while_take_nothing_from_a_table_for_good) {
  const auto values = tagged("in");
  const Serdes serdes = serde(values, Envelope::none);
  TopologyBuilder builder("bank");
  builder.table<string, Balance>("customers", "customers", serdes);
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open(*builder.build(), std::move(options));
  driver->set_serdes("customers", serdes);
  driver->declare_topic("customers", "crm");
  driver->pipe("customers", string("anna"), Balance{1, 2}, 1'000);
  driver->run_until_idle();
  const auto reported = [&](const char* what) {
    return std::find_if(driver->events().begin(), driver->events().end(),
                        [&](const string& event) { return event.find(what) != string::npos; });
  };
  constexpr const char* left_out = "records of a table did not decode";
  EXPECT_EQ(reported(left_out), driver->events().end());

  values->on_decode = [] { throw std::runtime_error("no registry"); };
  driver->crash_and_restart();
  driver->run_until_idle();
  const auto event = reported(left_out);
  ASSERT_NE(event, driver->events().end());
  EXPECT_THAT(*event, HasSubstr("topic customers"));
  EXPECT_THAT(*event, HasSubstr("1 left out"));
  EXPECT_THAT(*event, HasSubstr("codec.serde_failed: serde in: no registry"));
  EXPECT_THAT((driver->store<string, Balance>("customers").all()), IsEmpty());

  // Neither stop nor start writes down that the entry is gone.
  driver->restart();
  driver->run_until_idle();
  values->on_decode = {};
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ((driver->store<string, Balance>("customers").get("anna")), (Balance{1, 2}));
}

TEST_P(OwnSerdes, of_another_name_are_refused_until_the_store_is_rebuilt) {
  auto driver = open_ledger();
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  const auto other = tagged("other");
  const Error refused = driver->refused(ledger(other));
  EXPECT_EQ(refused.code(), errc::topology_changed);
  EXPECT_THAT(refused.message(), HasSubstr("serde of the values of store balances  kept    other"));
  driver->run_until_idle();
  driver->deploy(ledger(other), [&] {
    log::LogOptions options;
    options.service = "bank";
    const auto log = driver->world().connect(std::move(options));
    hear_of_all(*log);
    const auto done = reset_topology(*log, "bank", {"balances"}, false);
    ASSERT_TRUE(done) << done.error().to_string();
  });
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 5);
}

TEST_P(OwnSerdes, in_json_read_entries_of_the_type_before) {
  const auto latest = [](auto value) {
    TopologyBuilder builder("bank");
    builder.stream<string, decltype(value)>("balances")
        .to_table("latest", serde(codec::json_serde()));
    return *builder.build();
  };
  auto driver = open(latest(Balance{}));
  driver->declare_topic("balances", "teller");
  driver->pipe("balances", string("anna"), Balance{5, 1}, 1'000);
  driver->run_until_idle();
  driver->deploy(latest(named::Balance{}));
  driver->run_until_idle();
  const auto found = driver->store<string, named::Balance>("latest").get("anna");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->total, 5);
  EXPECT_FALSE(found->owner);
}

TEST_P(OwnSerdes, are_those_of_writers_and_readers_outside_of_a_topology) {
  auto driver = open_ledger();
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  auto reader =
      Reader<string, Balance>::open(driver->tool(), "bank.balances", {.serdes = published()});
  ASSERT_TRUE(reader);
  ASSERT_EQ(reader->next().value(), log::ReadOutcome::record);
  EXPECT_EQ(*reader->event().value, (Balance{5, 1}));
  auto plain = Reader<string, Balance>::open(driver->tool(), "bank.balances");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->next().error().code(), codec::errc::malformed);

  // What a builder refuses.
  const auto refused = [&](const Serdes& serdes) {
    const auto events =
        Reader<string, AccountEvent>::open(driver->tool(), "bank.balances", {.serdes = serdes});
    return events ? "" : events.error().message();
  };
  EXPECT_THAT(refused(serde(codec::json_serde(), Envelope::none)),
              HasSubstr("needs the envelope cloud_events"));
  EXPECT_THAT(refused(serde(tagged("json"))),
              HasSubstr("'json' is the name of a serde of the library"));
}

}  // namespace
}  // namespace millrace::stream::test
