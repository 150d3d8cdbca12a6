// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"

namespace millrace {
namespace {

/// One value of each form that writer and reader know.
struct Values {
  std::uint8_t small = 0;
  std::int16_t little_number = 0;
  std::int64_t big_number = 0;
  std::uint64_t number = 0;
  std::int64_t signed_number = 0;
  std::int32_t signed_small = 0;
  std::string little_text;
  std::string big_text;
  std::string text;

  friend bool operator==(const Values&, const Values&) = default;
};

Values any_values() {
  return {*rc::gen::arbitrary<std::uint8_t>(), *rc::gen::arbitrary<std::int16_t>(),
          *rc::gen::arbitrary<std::int64_t>(), *rc::gen::arbitrary<std::uint64_t>(),
          *rc::gen::arbitrary<std::int64_t>(), *rc::gen::arbitrary<std::int32_t>(),
          *rc::gen::arbitrary<std::string>(),  *rc::gen::arbitrary<std::string>(),
          *rc::gen::arbitrary<std::string>()};
}

std::string written(const Values& values) {
  std::string bytes;
  ByteWriter out(bytes, 0);
  out.little(values.small).little(values.little_number).big(values.big_number);
  out.varint(values.number).varint(values.signed_number).varint(values.signed_small);
  out.little_text<std::uint16_t>(values.little_text).big_text<std::int32_t>(values.big_text);
  out.varint_text<std::int64_t>(values.text);
  return out.take();
}

Values read(ByteReader& in) {
  Values values;
  values.small = in.byte();
  values.little_number = in.little<std::int16_t>();
  values.big_number = in.big<std::int64_t>();
  values.number = in.varint<std::uint64_t>();
  values.signed_number = in.varint<std::int64_t>();
  values.signed_small = in.varint<std::int32_t>();
  values.little_text = in.little_text<std::uint16_t>();
  values.big_text = in.big_text<std::int32_t>();
  values.text = in.varint_text<std::int64_t>();
  return values;
}

template <class T>
T varint_of(std::string_view bytes, bool& ok) {
  ByteReader in(bytes);
  const T value = in.varint<T>();
  ok = in.ok() && in.at_end();
  return value;
}

RC_GTEST_PROP(Bytes, reading_gives_back_what_was_written, ()) {
  const Values values = any_values();
  const std::string bytes = written(values);
  ByteReader in(bytes);
  RC_ASSERT(read(in) == values);
  RC_ASSERT(in.ok() && in.at_end() && in.left() == 0);
}

// The part is copied to memory of its own, so that the address sanitizer sees a read past its end.
RC_GTEST_PROP(Bytes, that_are_cut_off_fail_and_nothing_past_the_end_is_read, ()) {
  const std::string bytes = written(any_values());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = std::make_unique<char[]>(size);
    bytes.copy(part.get(), size);
    ByteReader in({part.get(), size});
    const Values values = read(in);
    RC_ASSERT(!in.ok());
    RC_ASSERT(values.text.empty());
  }
}

TEST(ByteReader, that_failed_stays_failed_and_reads_zero) {
  ByteReader in("\x01\x02\x03");
  EXPECT_EQ(in.byte(), 1);
  EXPECT_EQ(in.big<std::int32_t>(), 0);
  EXPECT_FALSE(in.ok());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(in.byte(), 0) << "the two bytes that are left are not read any more";
  EXPECT_EQ(in.varint<std::uint64_t>(), 0U);
  EXPECT_EQ(in.bytes(0), "");
  EXPECT_EQ(in.count(0), 0U);
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, of_no_bytes_at_all_has_none) {
  ByteReader in({});
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(in.bytes(0), "");
  EXPECT_TRUE(in.ok());
  in.byte();
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, takes_a_negative_size_as_damage) {
  EXPECT_TRUE(ByteReader("\xff\xff").big_text<std::int16_t>().empty());
  ByteReader in("\xff\xff");
  in.big_text<std::int16_t>();
  EXPECT_FALSE(in.ok());
  ByteReader counted("abc");
  EXPECT_EQ(counted.count(-1), 0U);
  EXPECT_FALSE(counted.ok());
}

TEST(ByteReader, believes_no_count_that_the_bytes_cannot_hold) {
  EXPECT_EQ(ByteReader("0123456789ab").count(3, 4), 3U);
  ByteReader in("0123456789ab");
  EXPECT_EQ(in.count(4, 4), 0U);
  EXPECT_FALSE(in.ok());
  ByteReader huge("0123456789ab");
  EXPECT_EQ(huge.count(std::numeric_limits<std::uint64_t>::max(), 8), 0U);
  EXPECT_FALSE(huge.ok());
}

TEST(Bytes, have_the_order_that_is_asked_for) {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(std::uint32_t{0x01020304}).big(std::uint32_t{0x01020304}).big(std::int16_t{-2});
  EXPECT_EQ(out.take(), std::string("\x04\x03\x02\x01\x01\x02\x03\x04\xff\xfe", 10));
}

TEST(Varint, has_the_bytes_of_protocol_buffers) {
  std::string bytes;
  ByteWriter out(bytes);
  out.varint(0U).varint(127U).varint(300U).varint(-1).varint(64);
  EXPECT_EQ(out.view(), std::string_view("\x00\x7f\xac\x02\x01\x80\x01", 7));
}

RC_GTEST_PROP(Varint, is_as_long_as_announced_and_the_same_for_all_types, (std::int32_t number)) {
  char narrow[varint_bytes_max];
  char wide[varint_bytes_max];
  const std::string_view a(narrow, write_signed_varint(narrow, number));
  const std::string_view b(wide, write_signed_varint(wide, std::int64_t{number}));
  RC_ASSERT(a == b);
  RC_ASSERT(a.size() == signed_varint_bytes(number));
  RC_ASSERT(unzigzag(zigzag(number)) == number);
}

RC_GTEST_PROP(Varint, is_the_shortest_encoding, (std::uint64_t number)) {
  char bytes[varint_bytes_max];
  const std::string_view text(bytes, write_varint(bytes, number));
  RC_ASSERT(text.size() == varint_bytes(number));
  RC_ASSERT(text.size() == 1 || text.back() != '\0');
  bool ok = false;
  RC_ASSERT(varint_of<std::uint64_t>(text, ok) == number);
  RC_ASSERT(ok);
}

TEST(Varint, with_more_bits_than_its_type_is_refused) {
  bool ok = false;
  EXPECT_EQ(varint_of<std::uint32_t>("\xff\xff\xff\xff\x0f", ok), 0xffff'ffffU);
  EXPECT_TRUE(ok);
  varint_of<std::uint32_t>("\xff\xff\xff\xff\x1f", ok);
  EXPECT_FALSE(ok) << "33 bits";
  varint_of<std::int32_t>(std::string_view("\x80\x80\x80\x80\x80\x00", 6), ok);
  EXPECT_FALSE(ok) << "longer than any of 32 bits";
  EXPECT_EQ(varint_of<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ok),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(ok);
  varint_of<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ok);
  EXPECT_FALSE(ok) << "65 bits";
  varint_of<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", ok);
  EXPECT_FALSE(ok) << "longer than any of 64 bits";
}

TEST(Varint, that_is_longer_than_needed_is_read_up_to_the_length_of_its_type) {
  bool ok = false;
  EXPECT_EQ(varint_of<std::uint64_t>(std::string_view("\x81\x80\x00", 3), ok), 1U);
  EXPECT_TRUE(ok);
  EXPECT_EQ(varint_of<std::int32_t>(std::string_view("\x81\x80\x80\x80\x00", 5), ok), -1);
  EXPECT_TRUE(ok);
}

TEST(ByteWriter, appends_and_gives_the_string_its_true_size) {
  std::string bytes = "kept";
  {
    ByteWriter out(bytes);
    out.byte('!').bytes({}).bytes("more");
    EXPECT_EQ(out.view(), "kept!more");
    EXPECT_EQ(out.position(), 9U);
  }
  EXPECT_EQ(bytes, "kept!more");
}

TEST(ByteWriter, grows_beyond_what_was_expected) {
  std::string bytes;
  ByteWriter out(bytes, 1);
  for (int i = 0; i < 100'000; ++i) {
    out.varint(300U);
  }
  const std::string taken = out.take();
  EXPECT_EQ(taken.size(), 200'000U);
  EXPECT_EQ(taken.substr(199'998), "\xac\x02");
  out.byte('x');
  EXPECT_EQ(out.take(), "x") << "a writer continues on an empty string";
}

TEST(ByteWriter, overwrites_what_it_wrote_earlier) {
  std::string bytes = "head";
  ByteWriter out(bytes);
  const std::size_t size_at = out.position();
  out.big(std::int32_t{0}).bytes("body");
  store_big(out.at(size_at), std::int32_t{4});
  EXPECT_EQ(out.take(), std::string("head\0\0\0\4body", 12));
}

}  // namespace
}  // namespace millrace
