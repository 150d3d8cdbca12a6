// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "arbitrary.hpp"
#include "millrace/base/varint.hpp"

namespace millrace::codec {
namespace {

template <class T>
std::string to_binary(const T& value) {
  std::string out;
  encode_binary(type_info<T>(), &value, out);
  return out;
}

template <class T>
Result<T> from_binary(std::string_view bytes) {
  Result<T> out;
  if (Status status = decode_binary(type_info<T>(), bytes, &*out); !status) {
    return std::unexpected<Error>(std::move(status).error());
  }
  return out;
}

template <class T>
void expect_binary_failure(std::string_view bytes, ErrorCode code, std::string_view message) {
  const auto result = from_binary<T>(bytes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code().name, code.name);
  EXPECT_NE(result.error().message().find(message), std::string::npos)
      << result.error().to_string();
}

struct Version1 {
  std::string name;
  std::vector<std::int32_t> numbers;
};
BOOST_DESCRIBE_STRUCT(Version1, (), (name, numbers))

struct Version2 {
  std::string name;
  std::vector<std::int32_t> numbers;
  std::int32_t retries = 3;
  std::optional<std::string> note = "none yet";
};
BOOST_DESCRIBE_STRUCT(Version2, (), (name, numbers, retries, note))

TEST(Binary, the_bytes_are_those_of_the_format_page) {
  EXPECT_EQ(to_binary(std::int32_t{-1}), "\x01");
  EXPECT_EQ(to_binary(std::uint64_t{300}), "\xac\x02");
  EXPECT_EQ(to_binary(1.0), std::string("\0\0\0\0\0\0\xf0\x3f", 8));
  EXPECT_EQ(to_binary(shop::Line{"ab", std::nullopt, 6, -1}), std::string("\x06\x02"
                                                                          "ab\0\x0c\x01",
                                                                          7));
  EXPECT_EQ(to_binary(shop::Event{shop::Rejected{{"x"}, shop::Reason::payment_declined}}),
            std::string("\x01\x03\x01x\x0e", 5));
  EXPECT_EQ(to_binary(std::map<std::string, bool>{{"a", true}}), std::string("\x01\x01"
                                                                             "a\x01",
                                                                             4));
}

RC_GTEST_PROP(Binary, reading_gives_back_what_was_written, ()) {
  const auto before = *shop::any_everything();
  const auto value = *shop::any_everything();
  shop::Everything out = before;
  RC_ASSERT(decode_binary(type_info<shop::Everything>(), to_binary(value), &out).has_value());
  RC_ASSERT(out == value);
}

RC_GTEST_PROP(Binary, every_number_survives, (std::int64_t number)) {
  RC_ASSERT(from_binary<std::int64_t>(to_binary(number)).value() == number);
  RC_ASSERT(from_binary<std::uint64_t>(to_binary(static_cast<std::uint64_t>(number))).value() ==
            static_cast<std::uint64_t>(number));
}

TEST(Binary, bodies_of_any_length_have_their_length_in_front) {
  for (const std::size_t size :
       {0U, 120U, 121U, 122U, 123U, 16'000U, 16'376U, 16'377U, 16'378U, 16'379U, 70'000U}) {
    const shop::Line line{std::string(size, 'x'), std::nullopt, 1, 2};
    EXPECT_EQ(from_binary<shop::Line>(to_binary(line)).value(), line) << size;
  }
}

TEST(Binary, what_an_older_writer_did_not_know_takes_the_members_default) {
  const auto read = from_binary<Version2>(to_binary(Version1{"a", {1, 2}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "a");
  EXPECT_EQ(read->numbers.size(), 2U);
  EXPECT_EQ(read->retries, 3);
  EXPECT_EQ(read->note, "none yet");
}

TEST(Binary, what_a_newer_writer_added_is_skipped) {
  const std::vector<Version2> written{{"a", {1}, 9, "x"}, {"b", {}, 8, std::nullopt}};
  const auto read = from_binary<std::vector<Version1>>(to_binary(written));
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[1].name, "b");
}

TEST(Binary, bytes_cut_off_anywhere_are_malformed) {
  const shop::Placed placed{{"536365"},
                            {{"85123A", "HEART", 6, 2550}, {"71053", std::nullopt, -1, 0}}};
  const std::string whole = to_binary(placed);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_binary_failure<shop::Placed>(whole.substr(0, size), errc::malformed, "");
  }
  expect_binary_failure<shop::Placed>(whole + "x", errc::malformed, "bytes follow");
}

TEST(Binary, failures_name_the_position) {
  std::string bytes = to_binary(std::vector<shop::Rejected>{{{"1"}, {}}, {{"2"}, {}}});
  bytes.back() = 6;
  expect_binary_failure<std::vector<shop::Rejected>>(
      bytes, errc::wrong_type, "[1].reason: wanted Reason, found the number 3");
  expect_binary_failure<shop::Event>("\x09", errc::unknown_type, "alternative 9");
  expect_binary_failure<std::int32_t>(to_binary(std::int64_t{1} << 31), errc::wrong_type,
                                      "found 2147483648");
  expect_binary_failure<std::uint32_t>(to_binary(std::uint64_t{1} << 32U), errc::wrong_type,
                                       "found 4294967296");
  expect_binary_failure<bool>("\x02", errc::malformed, "0 or 1");
  expect_binary_failure<std::map<std::string, bool>>(std::string("\x02\x01"
                                                                 "a\x01\x01"
                                                                 "a\x01",
                                                                 7),
                                                     errc::malformed, "twice");
}

TEST(Binary, numbers_longer_than_64_bits_are_malformed) {
  EXPECT_EQ(from_binary<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").value(),
            UINT64_MAX);
  expect_binary_failure<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", errc::malformed,
                                       "64 bits");
  expect_binary_failure<std::uint64_t>("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
                                       errc::malformed, "64 bits");
}

TEST(Binary, a_count_that_lies_costs_no_memory) {
  expect_binary_failure<std::vector<std::int64_t>>(
      "\xff\xff\xff\xff\x0f"
      "ab",
      errc::malformed, "end within");
  expect_binary_failure<std::map<std::string, bool>>(
      "\xff\xff\xff\xff\x0f"
      "ab",
      errc::malformed, "end within");
  expect_binary_failure<std::string>(
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
      "ab",
      errc::malformed, "end within");
}

TEST(Binary, deep_nesting_is_refused_and_not_a_stack_overflow) {
  std::string bytes("\x01\0", 2);
  for (int i = 0; i < 1'000; ++i) {
    char prefix[varint_bytes_max];
    std::string body = "\x01" + bytes;
    bytes = std::string(prefix, write_varint(prefix, body.size())) + body;
  }
  expect_binary_failure<shop::Tree>(bytes, errc::malformed, "nested");
}

}  // namespace
}  // namespace millrace::codec
