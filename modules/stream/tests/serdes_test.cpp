// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/serdes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "builds.hpp"
#include "millrace/stream/detail/borrowed.hpp"
#include "tagged_serde.hpp"

namespace millrace::stream::test {
namespace {

using codec::Envelope;
using std::string;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Declare counting(const Serdes& store) {
  return [store](TopologyBuilder& builder) {
    builder.stream<string, Placed>("orders").group_by_key().count("counts", store);
  };
}

Declare through(const Serdes& written, const Serdes& read) {
  return [=](TopologyBuilder& builder) {
    builder.stream<string, Placed>("orders").to_private("passed", written);
    builder.private_stream<string, Placed>("passed", read).to("all");
  };
}

string why_refused(const Declare& now, const std::vector<Declare>& before) {
  const auto evolution = evolved(built(now), after(before));
  return evolution ? "" : evolution.error().message();
}
string why_refused(const Declare& now, const Declare& before) {
  return why_refused(now, std::vector<Declare>{before});
}

template <class... A>
concept InBraces = requires(A... arguments) { Serdes{arguments...}; };
static_assert(InBraces<>);
static_assert(!InBraces<codec::SerdePtr> && !InBraces<codec::SerdePtr, codec::SerdePtr>);
static_assert(!std::is_convertible_v<codec::SerdePtr, Serdes>);

TEST(Serdes, are_of_values_where_one_is_given) {
  const codec::SerdePtr own = tagged();
  EXPECT_EQ(serde(own).value, own);
  EXPECT_EQ(serde(own).key, nullptr);
  EXPECT_EQ(serde(own, codec::json_serde()).key, own);
  EXPECT_EQ(serde(own, codec::json_serde()).value, codec::json_serde());
  EXPECT_EQ(serde(own, Envelope::none).value, own);
  EXPECT_EQ(serde(Envelope::none).value, nullptr);
  EXPECT_EQ(serde(Envelope::none).envelope, Envelope::none);
}

TEST(Serdes, two_ends_of_a_topic_in_one_builder_have_the_same) {
  EXPECT_THAT(refused(through(serde(tagged()), {})),
              AllOf(HasSubstr("'shop.passed' is written as key -> tagged, context and read as key "
                              "-> binary, context"),
                    HasSubstr("give both ends the same serde(...)")));
  EXPECT_THAT(refused(through({}, serde(codec::binary_serde(), Envelope::none))),
              HasSubstr("read as key -> binary, none"));
  // Two objects of one name are the same.
  EXPECT_EQ(refused(through(serde(tagged()), serde(tagged()))), "");
}

TEST(Serdes, a_topic_is_read_and_written_twice_with_the_same) {
  EXPECT_THAT(refused([](auto& builder) {
                builder.template stream<string, Placed>("orders").to("a");
                builder.template stream<string, Placed>("orders", serde(tagged())).to("b");
              }),
              HasSubstr("'orders' is read twice, as key -> json, cloud_events and as key -> "
                        "tagged, cloud_events: give each stream() of it the same serde(...)"));
  EXPECT_THAT(refused([](auto& builder) {
                const auto orders = builder.template stream<string, Placed>("orders");
                orders.to("all");
                orders.to("all", serde(tagged(), codec::json_serde()));
              }),
              HasSubstr("'all' is written twice, as key -> json, cloud_events and as tagged -> "
                        "json, cloud_events"));
}

TEST(Serdes, inputs_of_one_store_have_keys_of_one_serde) {
  const auto joined = [](const Serdes& repartition) {
    return [=](auto& builder) {
      const auto keys = serde(tagged(), codec::json_serde());
      const auto table = builder.template table<string, Paid>("payments", "paid", keys);
      builder.template stream<string, Placed>("orders")
          .repartition("orders-by-key", repartition)
          .join(table, [](const Placed& placed, const Paid&) { return placed; })
          .to("joined");
    };
  };
  EXPECT_THAT(refused(joined({})),
              AllOf(HasSubstr("sub-topology 'paid' keeps state by the keys of its inputs"),
                    HasSubstr("'payments' has keys in tagged"),
                    HasSubstr("'shop.orders-by-key.repartition' in key"),
                    HasSubstr("repartition(name, serde(keys, values))")));
  const auto agreeing = joined(serde(tagged(), codec::binary_serde()));
  EXPECT_EQ(refused(agreeing), "");
  EXPECT_EQ(built(agreeing).stores()[0].input_key_serde->name(), "tagged");
}

TEST(Serdes, what_a_store_or_an_envelope_cannot_hold_is_refused_by_name) {
  EXPECT_THAT(refused(counting(serde(tagged(), tagged()))),
              AllOf(HasSubstr("store 'counts' is given a serde of its keys or an envelope"),
                    HasSubstr("give it serde(values)")));
  EXPECT_THAT(
      refused([](auto& builder) {
        builder.template stream<string, OrderEvent>("orders").to_table("last",
                                                                       serde(codec::json_serde()));
      }),
      HasSubstr("store 'last': Placed | Cancelled in json can be read only with the type of "
                "each event, which a store does not have"));
  EXPECT_THAT(
      refused([](auto& builder) {
        builder.template stream<string, OrderEvent>("orders", serde(Envelope::none)).to("all");
      }),
      HasSubstr("topic 'orders': Placed | Cancelled in json can be read only with the type "
                "of each event, which the envelope none does not have: use the envelope "
                "cloud_events, or another serde"));
  EXPECT_THAT(refused(counting(serde(tagged("no name")))), HasSubstr("'no name'"));
}

TEST(Serdes, of_a_user_do_not_have_the_name_of_one_of_the_librarys) {
  for (const char* const name : {"json", "binary", "key"}) {
    const string problem = "'" + string(name) + "' is the name of a serde of the library";
    EXPECT_THAT(refused(counting(serde(tagged(name)))),
                AllOf(HasSubstr("store 'counts'"), HasSubstr(problem)));
    EXPECT_THAT(refused(through(serde(tagged(name)), serde(tagged(name)))), HasSubstr(problem));
  }
  EXPECT_EQ(refused(counting(serde(codec::json_serde()))), "");
}

TEST(Serdes, are_described) {
  const Topology topology = built([](auto& builder) {
    builder
        .template stream<string, Placed>("orders", serde(tagged(), tagged("other"), Envelope::none))
        .group_by_key()
        .count("counts", serde(tagged()))
        .to_stream()
        .to("counted");
  });
  const string text = topology.describe();
  EXPECT_THAT(text, HasSubstr("reads orders: string -> Placed in tagged -> other, none\n"));
  EXPECT_THAT(text, HasSubstr("keeps counts in shop.counts.changelog: string -> int64 in tagged"));
  EXPECT_THAT(text, HasSubstr("writes counted: string -> int64\n"));
  const string json = topology.describe("json");
  EXPECT_THAT(json, HasSubstr(R"("key_serde":"tagged","serde":"other","envelope":"none")"));
  EXPECT_THAT(json, HasSubstr(R"("key_serde":"key","serde":"json","envelope":"cloud_events")"));
}

TEST(Serdes, only_a_manifest_that_names_one_is_of_the_version_that_earlier_builds_refuse) {
  const Manifest plain = after({counting({})});
  EXPECT_EQ(plain.version, 1);
  EXPECT_THAT(to_json(plain), Not(HasSubstr("serde")));
  const Manifest named = after({counting(serde(tagged()))});
  EXPECT_EQ(named.version, 5);
  EXPECT_EQ(named.parts[0].stores[0].serde, "tagged");
  EXPECT_EQ(after({through(serde(tagged()), serde(tagged()))}).version, 5);
  const auto read = parse_manifest(to_json(named));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(named));
}

TEST(Serdes, of_a_store_that_has_another_one_in_the_log_are_refused) {
  EXPECT_THAT(why_refused(counting(serde(tagged())), counting({})),
              AllOf(HasSubstr("serde of the values of store counts  binary  tagged"),
                    HasSubstr("millrace topology reset shop --store counts")));
  EXPECT_THAT(why_refused(counting({}), counting(serde(tagged()))), HasSubstr("tagged  binary"));
  EXPECT_EQ(why_refused(counting(serde(tagged())), counting(serde(tagged()))), "");
}

TEST(Serdes, of_the_keys_of_a_stores_inputs_that_were_others_are_refused) {
  const auto keys_in = [](const Serdes& input) {
    return Declare([=](TopologyBuilder& builder) {
      builder.stream<string, Placed>("orders", input).group_by_key().count("counts");
    });
  };
  const Declare other = keys_in(serde(tagged(), codec::json_serde()));
  EXPECT_THAT(why_refused(other, keys_in({})),
              AllOf(HasSubstr("serde of the keys of the inputs of store counts  key     tagged"),
                    HasSubstr("millrace topology reset shop --store counts")));
  EXPECT_EQ(why_refused(other, other), "");
  EXPECT_EQ(after({other}).version, 5);
  EXPECT_EQ(why_refused(keys_in(serde(tagged())), keys_in({})), "") << "values alone";
}

TEST(Serdes, of_a_store_of_another_name_may_be_others) {
  const auto counting_as = [](const Serdes& store) {
    return Declare([=](TopologyBuilder& builder) {
      builder.stream<string, Placed>("orders").group_by_key().count("counts2", store);
    });
  };
  EXPECT_EQ(why_refused(counting_as(serde(tagged())), counting({})), "");
  EXPECT_THAT(why_refused(counting_as({}), counting({})), HasSubstr("name of a store"));
}

TEST(Serdes, of_a_private_topic_that_has_others_in_the_log_are_refused) {
  EXPECT_THAT(why_refused(through(serde(tagged()), serde(tagged())), through({}, {})),
              AllOf(HasSubstr("serdes of topic shop.passed"),
                    HasSubstr("key -> binary, context  key -> tagged, context")));
}

Declare published(const Serdes& serdes) {
  return [=](TopologyBuilder& builder) {
    builder.stream<string, Placed>("orders").to("passed", serdes);
    builder.stream<string, Placed>("passed", serdes).group_by_key().count("counts");
  };
}

TEST(Serdes, of_a_public_topic_between_parts_that_has_others_in_the_log_are_refused) {
  EXPECT_THAT(why_refused(published(serde(tagged())), published({})),
              AllOf(HasSubstr("serdes of topic passed"),
                    HasSubstr("key -> json, cloud_events  key -> tagged, cloud_events"),
                    HasSubstr("topic of another name")));
  EXPECT_EQ(why_refused(published(serde(tagged())), published(serde(tagged()))), "");
}

TEST(Serdes, after_a_reset_a_public_topic_between_parts_may_have_others) {
  Manifest before = after({published({})});
  for (Manifest::Part& part : before.parts)
    part.state = "reset";
  const auto evolution = evolved(built(published(serde(tagged()))), before);
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_EQ(evolution->manifest.channels[0].serde, "tagged");
}

TEST(Serdes, of_the_topic_of_a_table_that_has_others_in_the_log_are_refused) {
  const auto customers = [](const Serdes& serdes) {
    return Declare([=](TopologyBuilder& builder) {
      builder.table<string, Placed>("customers", "customers", serdes);
    });
  };
  EXPECT_THAT(why_refused(customers(serde(tagged())), customers({})),
              AllOf(HasSubstr("serdes of the topic of store customers"),
                    HasSubstr("key -> tagged, cloud_events"),
                    HasSubstr("millrace topology reset shop --store customers")));
  EXPECT_EQ(why_refused(customers(serde(tagged())), customers(serde(tagged()))), "");
  EXPECT_EQ(after({customers({})}).version, 1);
}

TEST(Serdes, after_a_reset_a_private_topic_may_have_others) {
  Manifest before = after({through({}, {})});
  before.channels[0].key.clear();
  before.channels[0].value.clear();
  const auto evolution = evolved(built(through(serde(tagged()), serde(tagged()))), before);
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_EQ(evolution->manifest.channels[0].serde, "tagged");
}

template <class V>
Declare latest(const Serdes& store) {
  return [store](TopologyBuilder& builder) {
    builder.stream<string, V>("orders").to_table("last", store);
  };
}
namespace grown {
template <class Note>
struct Placed {
  Note note;
  std::string country;
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Placed<std::string>, (), (note, country, total))
BOOST_DESCRIBE_STRUCT(Placed<std::optional<std::string>>, (), (note, country, total))
BOOST_DESCRIBE_STRUCT(Placed<std::vector<std::string>>, (), (note, country, total))
}  // namespace grown
template <class Note>
using Grown = grown::Placed<Note>;

/// Orders within something else.
template <class P>
struct Basket {
  std::vector<P> orders;
  std::optional<P> last;
};
BOOST_DESCRIBE_STRUCT(Basket<Placed>, (), (orders, last))
BOOST_DESCRIBE_STRUCT(Basket<Grown<std::string>>, (), (orders, last))
BOOST_DESCRIBE_STRUCT(Basket<Grown<std::vector<std::string>>>, (), (orders, last))

TEST(Serdes, values_in_json_are_continued_by_name_and_those_of_a_users_own_with_their_type) {
  const Serdes json = serde(codec::json_serde());
  const auto grown =
      evolved(built(latest<Grown<std::optional<string>>>(json)), after({latest<Placed>(json)}));
  ASSERT_TRUE(grown) << grown.error().message();
  EXPECT_FALSE(grown->manifest.parts[0].stores[0].values);
  EXPECT_EQ(why_refused(latest<Grown<std::vector<string>>>(json), latest<Placed>(json)), "");
  EXPECT_THAT(why_refused(latest<Paid>(json), latest<Placed>(json)), HasSubstr("value of store"));
  EXPECT_THAT(why_refused(latest<Grown<std::optional<string>>>(serde(tagged())),
                          latest<Placed>(serde(tagged()))),
              HasSubstr("serde tagged is the program's own"));
}

TEST(Serdes, a_member_that_json_of_before_does_not_have_is_refused_unless_it_may_be_missing) {
  const Serdes json = serde(codec::json_serde());
  EXPECT_THAT(why_refused(latest<Grown<string>>(json), latest<Placed>(json)),
              AllOf(HasSubstr("value of store last: note: is new"), HasSubstr("std::optional")));
  EXPECT_THAT(why_refused(latest<Basket<Grown<string>>>(json), latest<Basket<Placed>>(json)),
              HasSubstr("orders.note: is new"));
  EXPECT_EQ(
      why_refused(latest<Basket<Grown<std::vector<string>>>>(json), latest<Basket<Placed>>(json)),
      "");
  // What was left out meanwhile is new again.
  EXPECT_THAT(why_refused(latest<Grown<string>>(json),
                          std::vector<Declare>{latest<Grown<string>>(json), latest<Placed>(json)}),
              HasSubstr("note: is new"));
  const auto passed = [&](const auto& value) {
    using V = std::decay_t<decltype(value)>;
    return Declare([json](TopologyBuilder& builder) {
      builder.stream<string, V>("orders").to_private("passed", json);
      builder.private_stream<string, V>("passed", json).to("all");
    });
  };
  EXPECT_THAT(why_refused(passed(Grown<string>{}), passed(Placed{})),
              HasSubstr("value of topic shop.passed: note: is new"));
  EXPECT_EQ(why_refused(passed(Grown<std::optional<string>>{}), passed(Placed{})), "");
}

TEST(Borrowed, a_nested_use_has_an_object_of_its_own) {
  const detail::Borrowed<string> outer;
  *outer = "outer";
  string* first_inner = nullptr;
  {
    const detail::Borrowed<string> inner;
    *inner = "inner";
    first_inner = &*inner;
    EXPECT_NE(&*inner, &*outer);
  }
  EXPECT_EQ(*outer, "outer");
  const detail::Borrowed<string> again;
  EXPECT_EQ(&*again, first_inner) << "its memory is used again";
}

}  // namespace
}  // namespace millrace::stream::test
