// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "arbitrary.hpp"
#include "millrace/base/random.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/serde.hpp"

// Bytes from outside may be anything. Each test damages good bytes in many ways: whatever is then
// still accepted must be a value like any other, one that can be written and read again.
namespace millrace::codec {
namespace {

shop::Everything example() {
  shop::Everything value;
  value.i64 = -5'000'000'000;
  value.number = 2.5;
  value.text = "caf\xc3\xa9 \"\n";
  value.maybe = 7;
  value.list = {"a", "", "longer than sixteen characters"};
  value.by_name = {{"k", {"p", "d", 1, 2}}, {"l", {"q", std::nullopt, 3, 4}}};
  value.event = shop::Placed{{"1"}, {{"85123A", "HEART", 6, 2550}}};
  value.events = {shop::Closed{}, shop::Rejected{{"2"}, shop::Reason::payment_declined}};
  value.id = shop::OrderId{"x"};
  return value;
}

std::string damaged(std::string bytes, Random& random) {
  const std::uint64_t changes = 1 + random.below(4);
  for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(5)) {
      case 0:
        bytes[at] = static_cast<char>(random.next());
        break;
      case 1:
        bytes.erase(at, 1 + random.below(8));
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.below(bytes.size()), random.below(16)));
        break;
      case 3:
        bytes[at] =
            static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << random.below(8)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

TEST(Mutation, damaged_values_are_refused_or_are_values) {
  const TypeInfo& type = type_info<shop::Everything>();
  const shop::Everything value = example();
  SeededRandom random(20'101'201);
  for (const SerdePtr& serde : {json_serde(), binary_serde()}) {
    std::string good;
    encode_with(*serde, type, &value, good);
    int accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
      // A copy of its own size, so that reading past its end is seen by the address sanitizer.
      const std::string bytes = damaged(good, random);
      const std::vector<char> exact(bytes.begin(), bytes.end());
      shop::Everything read;
      if (decode_with(*serde, type, {}, {exact.data(), exact.size()}, &read)) {
        ++accepted;
        std::string again;
        encode_with(*serde, type, &read, again);
        shop::Everything reread;
        ASSERT_TRUE(decode_with(*serde, type, {}, again, &reread)) << again;
      }
    }
    EXPECT_GT(accepted, 0);
    EXPECT_LT(accepted, 20'000);
  }
}

TEST(Mutation, damaged_keys_are_refused_or_are_keys) {
  const TypeInfo& type = type_info<shop::Everything>();
  const shop::Everything value = example();
  std::string good;
  encode_key(type, &value, good);
  SeededRandom random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = damaged(good, random);
    shop::Everything read;
    if (decode_key(type, bytes, &read)) {
      std::string again;
      encode_key(type, &read, again);
      shop::Everything reread;
      ASSERT_TRUE(decode_key(type, again, &reread));
    }
  }
}

TEST(Mutation, damaged_headers_are_refused_or_point_into_the_bytes) {
  EncodedHeaders headers;
  append_event_headers(headers, {.id = "e-1",
                                 .source = "/orders",
                                 .type = "OrderPlaced",
                                 .correlation = "c-1",
                                 .causation = "e-0",
                                 .trace = {1, 2, 3, 1},
                                 .request = "shop:r-1"});
  append_private_context(headers, {"e-1", {}, {}, "c-1", {}, {1, 2, 3, 1}, "shop:r-1"});
  SeededRandom random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = damaged(headers.bytes, random);
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const std::string_view view(exact.data(), exact.size());
    const auto inside = [&](std::string_view piece) {
      return piece.empty() || (piece.data() >= view.data() &&
                               piece.data() + piece.size() <= view.data() + view.size());
    };
    for (const auto& read :
         {read_event_headers(view, headers.count), read_private_context(view, headers.count)}) {
      if (read) {
        ASSERT_TRUE(inside(read->id) && inside(read->type) && inside(read->source) &&
                    inside(read->correlation) && inside(read->causation) && inside(read->request));
      }
    }
  }
}

}  // namespace
}  // namespace millrace::codec
