// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/broker_versions.hpp"

#include <gmock/gmock.h>

#include <string>
#include <tuple>
#include <utility>

namespace millrace::log::kafka::wire {
namespace {

using testing::HasSubstr;

struct Offered {
  Api api;
  std::int16_t lowest;
  std::int16_t highest;
};

/// `tags`: the tagged fields at the end.
std::string versions_response(std::initializer_list<Offered> offers,
                              const std::string& tags = std::string(1, '\0')) {
  Encoder out(true);
  out.number<std::int16_t>(0);
  out.count(offers.size());
  for (const Offered& one : offers) {
    out.number(static_cast<std::int16_t>(one.api));
    out.number(one.lowest);
    out.number(one.highest);
    out.tags();
  }
  out.number<std::int32_t>(0);
  return out.take() + tags;
}

std::string tag(char number, const std::string& field) {
  return number + std::string(1, static_cast<char>(field.size())) + field;
}

/// Tagged fields with the epoch of the features and these features that are on.
std::string features(std::int64_t epoch,
                     std::initializer_list<std::pair<std::string, std::int16_t>> on) {
  Encoder first;
  first.number(epoch);
  Encoder second(true);
  second.count(on.size());
  for (const auto& [name, level] : on) {
    second.string(name);
    second.number(level);
    second.number<std::int16_t>(0);
    second.tags();
  }
  // What is supported is another list of the same form.
  Encoder supported(true);
  supported.count(1);
  supported.string("transaction.version");
  supported.number<std::int16_t>(0);
  supported.number<std::int16_t>(9);
  supported.tags();
  return "\3" + tag('\0', supported.take()) + tag('\1', first.take()) + tag('\2', second.take());
}

TEST(BrokerVersions, of_two_ranges_the_highest_common_version_is_taken) {
  EXPECT_EQ(highest_common({2, 5}, {0, 3}), 3);
  EXPECT_EQ(highest_common({2, 5}, {3, 9}), 5);
  EXPECT_EQ(highest_common({2, 5}, {5, 5}), 5);
  EXPECT_EQ(highest_common({2, 5}, {0, 1}), std::nullopt);
  EXPECT_EQ(highest_common({2, 5}, {6, 9}), std::nullopt);
  // A broker that names no version at all.
  EXPECT_EQ(highest_common({2, 5}, {5, 2}), std::nullopt);
}

TEST(BrokerVersions, a_broker_that_offers_more_is_spoken_to_in_a_version_known_here) {
  const auto broker =
      BrokerVersions::read(versions_response({{Api::produce, 3, 14}, {Api::end_txn, 0, 1}}));
  ASSERT_TRUE(broker.has_value());
  EXPECT_EQ(broker->common(Api::produce), spoken(Api::produce).highest);
  EXPECT_EQ(broker->common(Api::end_txn), std::nullopt);
  EXPECT_EQ(broker->common(Api::fetch), std::nullopt);
}

TEST(BrokerVersions, what_is_missing_is_named_with_what_the_broker_takes) {
  const auto broker = BrokerVersions::read(
      versions_response({{Api::produce, 14, 15}, {Api::fetch, 4, 10}, {Api::end_txn, 0, 9}}));
  ASSERT_TRUE(broker.has_value());
  const auto missing = [&](Api api) {
    const Api needed[] = {Api::end_txn, api};
    return broker->missing(needed).value_or("nothing");
  };
  EXPECT_EQ(missing(Api::end_txn), "nothing");
  EXPECT_THAT(missing(Api::produce),
              HasSubstr("does not take Produce in version 13 (it takes it from version 14 on): the "
                        "broker is too new"));
  EXPECT_THAT(missing(Api::fetch),
              HasSubstr("does not take Fetch in version 11 (it takes it up to version 10): "
                        "Millrace needs Apache Kafka 2.5"));
  EXPECT_THAT(missing(Api::offset_fetch),
              HasSubstr("does not take OffsetFetch in version 7 (it does not take it at all): "
                        "Millrace needs Apache Kafka 2.5"));
}

TEST(BrokerVersions, a_version_is_taken_within_the_range_of_the_broker) {
  const auto broker = BrokerVersions::read(versions_response({{Api::produce, 9, 12}}));
  ASSERT_TRUE(broker.has_value());
  EXPECT_FALSE(broker->takes(Api::produce, 8));
  EXPECT_TRUE(broker->takes(Api::produce, 9));
  EXPECT_TRUE(broker->takes(Api::produce, 12));
  EXPECT_FALSE(broker->takes(Api::produce, 13));
  EXPECT_FALSE(broker->takes(Api::end_txn, 2));
}

TEST(BrokerVersions, the_version_of_transactions_is_the_level_that_is_on) {
  const auto level = [](const std::string& tags) {
    const auto broker = BrokerVersions::read(versions_response({{Api::produce, 3, 12}}, tags));
    EXPECT_TRUE(broker.has_value());
    return broker ? broker->transactions() : std::int16_t{-1};
  };
  EXPECT_EQ(level(std::string(1, '\0')), 0);
  EXPECT_EQ(level(features(5, {})), 0);
  EXPECT_EQ(level(features(5, {{"group.version", 1}, {"transaction.version", 2}})), 2);
  EXPECT_EQ(level(features(0, {{"transaction.version", 1}, {"group.version", 3}})), 1);
  // The broker has not learned yet what is on.
  EXPECT_EQ(level(features(-1, {{"transaction.version", 2}})), 0);
}

TEST(BrokerVersions, a_broker_that_does_not_know_the_question_is_told_from_others) {
  EXPECT_TRUE(BrokerVersions::is_unknown_question(std::string("\0\x23\0\0\0\0", 6)));
  EXPECT_FALSE(BrokerVersions::is_unknown_question(versions_response({})));
  EXPECT_FALSE(BrokerVersions::is_unknown_question(std::string("\0", 1)));
}

TEST(BrokerVersions, a_response_that_is_cut_or_an_error_is_none) {
  const std::string whole =
      versions_response({{Api::produce, 3, 12}}, features(5, {{"transaction.version", 2}}));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(BrokerVersions::read(std::string_view(whole).substr(0, size)).has_value()) << size;
  EXPECT_FALSE(BrokerVersions::read(std::string("\0\x23", 2) + whole.substr(2)).has_value());
}

// KIP-482: a size is one more than what it counts, as a varint, and null is 0.
TEST(Flexible, sizes_are_varints_and_structures_end_with_tags) {
  Encoder out(true);
  out.string("me");
  out.null_string();
  out.count(300);
  out.null_count();
  out.tags();
  EXPECT_EQ(out.take(), std::string("\x03me\0\xad\x02\0\0", 8));
  Encoder old;
  old.string("me");
  old.null_string();
  old.count(1);
  old.tags();
  EXPECT_EQ(old.take(), std::string("\0\2me\xff\xff\0\0\0\1", 10));
}

TEST(Flexible, bytes_that_are_appended_have_their_size_before_them) {
  for (const std::size_t size : {0U, 126U, 127U, 20'000U}) {
    Encoder out(true);
    out.flag(true);
    out.bytes_by([&](std::string& bytes) { bytes.append(size, 'x'); });
    out.tags();
    const std::string written = out.take();
    Decoder in(written, true);
    EXPECT_TRUE(in.flag());
    EXPECT_EQ(in.bytes(), std::string(size, 'x'));
    in.tags();
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.rest(), "");
  }
}

TEST(Flexible, tags_are_passed_over) {
  Decoder in(std::string_view("\x03me\0\x02\x07\x01x\x81\x01\x00\x09", 12), true);
  EXPECT_EQ(in.string(), "me");
  EXPECT_EQ(in.string(), "");
  in.tags();
  EXPECT_EQ(in.number<std::int8_t>(), 9);
  EXPECT_TRUE(in.ok());
}

// From Kafka's clients/src/main/resources/common/message/*.json, "flexibleVersions".
TEST(Flexible, begins_with_the_version_that_kafka_says) {
  using Case = std::tuple<Api, std::int16_t>;
  for (const auto& [api, first] :
       {Case{Api::produce, 9}, Case{Api::fetch, 12}, Case{Api::offset_fetch, 6},
        Case{Api::find_coordinator, 3}, Case{Api::init_producer_id, 2}, Case{Api::end_txn, 3}}) {
    EXPECT_FALSE(is_flexible(api, static_cast<std::int16_t>(first - 1))) << name_of(api);
    EXPECT_TRUE(is_flexible(api, first)) << name_of(api);
  }
  EXPECT_FALSE(is_flexible(Api::sasl_handshake, 20));
}

}  // namespace
}  // namespace millrace::log::kafka::wire
