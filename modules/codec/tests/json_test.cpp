// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "arbitrary.hpp"
#include "millrace/codec/write_json.hpp"
#include "shop.hpp"

namespace millrace::codec {
namespace {

template <class T>
void expect_failure(std::string_view text, ErrorCode code, std::string_view message,
                    std::string_view event = {}) {
  const Result<T> result = from_json<T>(text, event);
  ASSERT_FALSE(result) << text;
  EXPECT_EQ(result.error().code().name, code.name)
      << text << " gave " << result.error().to_string();
  EXPECT_NE(result.error().message().find(message), std::string::npos)
      << text << " gave " << result.error().to_string();
}

TEST(Json, a_value_is_written_with_the_names_of_its_members) {
  shop::Placed placed{{"536365"},
                      {{"85123A", "WHITE \"HEART\"", 6, 2550}, {"71053", std::nullopt, -1, 0}}};
  EXPECT_EQ(
      to_json(placed),
      R"({"order":"536365","lines":[{"product":"85123A","description":"WHITE \"HEART\"","quantity":6,"price":2550},)"
      R"({"product":"71053","quantity":-1,"price":0}]})");
  EXPECT_EQ(to_json(shop::Rejected{{"1"}, shop::Reason::payment_declined}),
            R"({"order":"1","reason":"payment_declined"})");
  EXPECT_EQ(to_json(shop::Placed{}), R"({"order":"","lines":[]})");
}

RC_GTEST_PROP(Json, reading_gives_back_what_was_written, ()) {
  const auto value = *shop::any_everything();
  RC_ASSERT(from_json<shop::Everything>(to_json(value)).value() == value);
}

RC_GTEST_PROP(Json, whatever_the_object_held_before_is_overwritten, ()) {
  const auto before = *shop::any_everything();
  const auto value = *shop::any_everything();
  shop::Everything out = before;
  RC_ASSERT(decode_json(type_info<shop::Everything>(), {}, to_json(value), &out).has_value());
  RC_ASSERT(out == value);
}

TEST(Json, scalars_and_lists_stand_at_the_top_too) {
  EXPECT_EQ(to_json(shop::OrderId{"x"}), "\"x\"");
  EXPECT_EQ(from_json<shop::OrderId>(" \"x\" ")->value, "x");
  EXPECT_EQ(from_json<std::int64_t>("-9223372036854775808").value(), INT64_MIN);
  EXPECT_EQ(from_json<std::uint64_t>("18446744073709551615").value(), UINT64_MAX);
  EXPECT_EQ(from_json<std::int32_t>("-0").value(), 0);
  EXPECT_EQ(from_json<bool>("true").value(), true);
  EXPECT_EQ(from_json<std::optional<bool>>("null").value(), std::nullopt);
  EXPECT_EQ(from_json<std::vector<double>>("[1, 2.5, -1e3]").value(),
            (std::vector<double>{1, 2.5, -1000}));
}

TEST(Json, the_order_of_members_does_not_matter_and_strangers_are_ignored) {
  const auto line = from_json<shop::Line>(
      R"( { "x":{"a":[1,{"b":null}],"c":"\u20ac"}, "price" : 5, "y":[], "quantity":2 ,"z":1e999,"product":"p","w":true} )");
  ASSERT_TRUE(line) << line.error().to_string();
  EXPECT_EQ(*line, (shop::Line{"p", std::nullopt, 2, 5}));
  EXPECT_EQ(from_json<shop::OrderId>("\"a\"")->value, "a");
  EXPECT_EQ(from_json<shop::Line>(R"({"pro\u0064uct":"p","quantity":2,"price":5})")->product, "p");
}

TEST(Json, missing_optionals_and_lists_are_empty) {
  EXPECT_EQ(from_json<shop::Placed>(R"({"order":"1"})").value(), (shop::Placed{{"1"}, {}}));
  EXPECT_EQ(from_json<shop::Line>(R"({"product":"p","quantity":2,"price":5,"description":null})")
                ->description,
            std::nullopt);
}

TEST(Json, a_missing_required_field_is_named_by_its_path) {
  expect_failure<shop::Placed>(
      R"({"order":"1","lines":[{"product":"p","quantity":1,"price":1},{"product":"p","price":1}]})",
      errc::missing_field, "lines[1].quantity: missing");
  expect_failure<shop::Placed>("{}", errc::missing_field, "order: missing");
  expect_failure<std::map<std::string, shop::Line>>(R"({"k":{}})", errc::missing_field,
                                                    "k.product: missing");
}

TEST(Json, a_wrong_type_is_named_with_what_was_there) {
  expect_failure<shop::Line>(R"({"product":"p","quantity":"6","price":1})", errc::wrong_type,
                             "quantity: wanted int32, found \"6\"");
  expect_failure<shop::Line>(R"({"product":"p","quantity":6.5,"price":1})", errc::wrong_type,
                             "quantity: wanted int32, found 6.5");
  expect_failure<shop::Line>(R"({"product":"p","quantity":null,"price":1})", errc::wrong_type,
                             "quantity: wanted int32, found null");
  expect_failure<shop::Line>(R"({"product":["p"]})", errc::wrong_type,
                             "product: wanted string, found a list");
  expect_failure<shop::Placed>(R"({"order":{"value":"1"}})", errc::wrong_type,
                               "order: wanted string, found an object");
  expect_failure<shop::Placed>(R"({"order":"1","lines":[7]})", errc::wrong_type,
                               "lines[0]: wanted Line, found 7");
  expect_failure<shop::Rejected>(R"({"order":"1","reason":"bored"})", errc::wrong_type,
                                 "reason: wanted Reason, found \"bored\"");
  expect_failure<shop::Placed>("[]", errc::wrong_type, "wanted Placed, found a list");
  expect_failure<bool>("1", errc::wrong_type, "wanted bool, found 1");
}

TEST(Json, an_unknown_enumerator_leaves_an_optional_empty) {
  using Reasons = std::vector<std::optional<shop::Reason>>;
  EXPECT_EQ(from_json<std::optional<shop::Reason>>("\"bored\"").value(), std::nullopt);
  EXPECT_EQ(from_json<Reasons>(R"(["bored","","out_of_stock"])").value(),
            (Reasons{std::nullopt, std::nullopt, shop::Reason::out_of_stock}));
  expect_failure<std::optional<shop::Reason>>("7", errc::wrong_type, "wanted Reason, found 7");
  expect_failure<std::optional<shop::Reason>>("\"bored", errc::malformed, "");
}

TEST(Json, an_unknown_enumerator_is_the_declared_fallback) {
  using Channels = std::vector<shop::Channel>;
  EXPECT_EQ(from_json<Channels>(R"(["web","fax",""])").value(),
            (Channels{shop::Channel::web, shop::Channel::other, shop::Channel::other}));
  EXPECT_EQ(from_json<std::optional<shop::Channel>>("\"fax\"").value(), shop::Channel::other);
  EXPECT_EQ(from_json<std::optional<shop::Channel>>("null").value(), std::nullopt);
  expect_failure<shop::Channel>("7", errc::wrong_type, "wanted Channel, found 7");
  expect_failure<shop::Channel>("\"fax", errc::malformed, "");
}

TEST(Json, integers_declared_as_text_are_written_and_read_as_text) {
  shop::Everything value;
  value.i64 = INT64_MIN;
  value.u64 = UINT64_MAX;
  value.maybe = (std::int64_t{1} << 53) + 1;
  const std::string text = to_json(value);
  EXPECT_NE(text.find(R"("i64":"-9223372036854775808")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("u64":"18446744073709551615")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("maybe":"9007199254740993")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("i32":0)"), std::string::npos) << text;
  EXPECT_EQ(from_json<shop::Everything>(text).value(), value);
}

TEST(Json, integers_of_64_bits_are_read_from_numbers_and_from_text) {
  EXPECT_EQ(from_json<std::int64_t>("\"-9223372036854775808\"").value(), INT64_MIN);
  EXPECT_EQ(from_json<std::uint64_t>("\"18446744073709551615\"").value(), UINT64_MAX);
  EXPECT_EQ(from_json<std::vector<std::int64_t>>(R"([1,"2"])").value(),
            (std::vector<std::int64_t>{1, 2}));
  for (const char* text : {"\"\"", "\"1.0\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"0x1\"", "\"one\"",
                           "\"9223372036854775808\""}) {
    expect_failure<std::int64_t>(text, errc::wrong_type,
                                 std::string("wanted int64, found ") + text);
  }
  expect_failure<std::uint64_t>("\"-1\"", errc::wrong_type, "wanted uint64, found \"-1\"");
  expect_failure<std::int32_t>("\"1\"", errc::wrong_type, "wanted int32, found \"1\"");
}

TEST(Json, numbers_that_do_not_fit_are_refused) {
  expect_failure<std::int32_t>("2147483648", errc::wrong_type, "wanted int32, found 2147483648");
  expect_failure<std::int64_t>("9223372036854775808", errc::wrong_type, "int64");
  expect_failure<std::uint32_t>("-1", errc::wrong_type, "uint32");
  expect_failure<std::uint64_t>("18446744073709551616", errc::wrong_type, "uint64");
  expect_failure<std::int64_t>("1e19", errc::wrong_type, "int64");
  expect_failure<double>("1e999", errc::wrong_type, "double");
}

TEST(Json, whole_numbers_may_be_written_with_a_fraction_or_an_exponent) {
  for (const auto& [text, number] :
       {std::pair{"10.0", std::int64_t{10}}, std::pair{"1e1", std::int64_t{10}},
        std::pair{"100e-1", std::int64_t{10}}, std::pair{"0.1E+2", std::int64_t{10}},
        std::pair{"-2.5e3", std::int64_t{-2'500}}, std::pair{"0.0", std::int64_t{0}},
        std::pair{"-0.00e99999999999999999999", std::int64_t{0}},
        std::pair{"9.223372036854775807e18", INT64_MAX},
        std::pair{"-9223372036854775808.000", INT64_MIN}}) {
    const auto read = from_json<std::int64_t>(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, number) << text;
  }
  EXPECT_EQ(from_json<std::uint64_t>("1.8446744073709551615e19"), UINT64_MAX);
  for (const char* text : {"1.5", "1e-1", "9.223372036854775808e18", "1e19", "1e20", "1e400",
                           "1e99999999999999999999", "1e-99999999999999999999", "0.1"}) {
    expect_failure<std::int64_t>(text, errc::wrong_type,
                                 std::string("wanted int64, found ") + text);
  }
  EXPECT_FALSE(from_json<std::uint32_t>("-1.0"));
}

template <class T>
std::string refusal_of(const T& value) {
  std::string out = "before";
  try {
    encode_json(type_info<T>(), &value, out);
  } catch (const std::domain_error& refused) {
    EXPECT_EQ(out, "before");
    return refused.what();
  }
  return "none";
}

TEST(Json, numbers_without_a_json_form_are_refused_with_their_position) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double number : {infinity, -infinity, nan}) {
    EXPECT_EQ(refusal_of(number).rfind("double: ", 0), 0U) << refusal_of(number);
    EXPECT_NE(refusal_of(std::optional<double>(number)), "none");
    EXPECT_NE(refusal_of(std::vector<double>{1, number}), "none");
    shop::Everything value;
    value.number = number;
    EXPECT_EQ(refusal_of(value).rfind("number: ", 0), 0U) << refusal_of(value);
    EXPECT_EQ(
        refusal_of(std::map<std::string, shop::Everything>{{"k", value}}).rfind("number: ", 0), 0U);
  }
  EXPECT_EQ(refusal_of(std::numeric_limits<double>::max()), "none");
}

TEST(Json, integers_that_other_readers_round_are_refused_with_their_position) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  EXPECT_EQ(refusal_of(exact), "none");
  EXPECT_EQ(refusal_of(-exact), "none");
  EXPECT_EQ(refusal_of(static_cast<std::uint64_t>(exact)), "none");
  EXPECT_EQ(refusal_of(exact + 1).rfind("int64: 9007199254740993 is beyond 2^53", 0), 0U)
      << refusal_of(exact + 1);
  for (const std::int64_t number : {-exact - 1, INT64_MAX, INT64_MIN}) {
    EXPECT_NE(refusal_of(number).find("codec.number_too_large"), std::string::npos);
    shop::Placed placed{{"1"}, {{"p", std::nullopt, 1, number}}};
    EXPECT_EQ(refusal_of(placed).rfind("lines.price: ", 0), 0U) << refusal_of(placed);
  }
  EXPECT_NE(refusal_of(UINT64_MAX), "none");
  const std::int64_t largest = INT64_MAX;
  std::string out;
  {
    JsonWriter writer(out);
    write_json(type_info<std::int64_t>(), &largest, writer);
  }
  EXPECT_EQ(out, "9223372036854775807");
}

TEST(Json, what_has_no_form_is_null_for_people_and_null_is_no_number) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::string out;
  {
    JsonWriter writer(out);
    write_json(type_info<double>(), &infinity, writer);
  }
  EXPECT_EQ(out, "null");
  expect_failure<double>("null", errc::wrong_type, "wanted double, found null");
  EXPECT_EQ(from_json<std::optional<double>>("null").value(), std::nullopt);
}

TEST(Json, text_that_is_not_json_is_malformed_with_its_position) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1",
                           "{\"order\"}",
                           "{\"order\":}",
                           "{\"order\":\"1\",}",
                           "{\"order\":\"1\" \"lines\":[]}",
                           "{\"order\":\"1\"} x",
                           "{order:\"1\"}",
                           "{'order':'1'}",
                           "{\"order\":\"1\"",
                           "{\"order\":\"1",
                           "{\"order\":\"1\\\"}",
                           "{\"order\":\"\\x\"}",
                           "{\"order\":\"\\ud800\"}",
                           "{\"order\":\"\\udc00\"}",
                           "{\"order\":\"\\u12g4\"}",
                           "{\"order\":\"a\nb\"}",
                           "{\"order\":\"1\",\"lines\":[}",
                           "{\"order\":\"1\",\"lines\":[,]}",
                           "{\"x\":tru,\"order\":\"1\"}",
                           "{\"x\":01,\"order\":\"1\"}",
                           "{\"x\":1.,\"order\":\"1\"}",
                           "{\"x\":-,\"order\":\"1\"}",
                           "{\"x\":1e,\"order\":\"1\"}",
                           "{\"x\":+1,\"order\":\"1\"}",
                           "{\"x\":[1 2],\"order\":\"1\"}",
                           "{\"x\":{\"a\" 1},\"order\":\"1\"}",
                           "nul",
                           "\xef\xbb\xbf{}"}) {
    expect_failure<shop::Placed>(text, errc::malformed, "not valid JSON at byte");
  }
  expect_failure<shop::Placed>(R"({"order":"1",!})", errc::malformed, "at byte 13");
  expect_failure<std::vector<std::int32_t>>("[1,02]", errc::malformed, "[1]: not valid JSON");
}

TEST(Json, a_nul_byte_is_no_end_of_text) {
  expect_failure<std::int32_t>(std::string_view("1\0", 2), errc::malformed, "something follows");
  expect_failure<std::int32_t>(std::string_view("\0", 1), errc::malformed, "not a number");
}

TEST(Json, invalid_utf8_is_malformed) {
  for (const char* bytes : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xe0\x80\x80",
                            "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "a\x80z"}) {
    expect_failure<shop::OrderId>("\"" + std::string(bytes) + "\"", errc::malformed, "not UTF-8");
    expect_failure<shop::Placed>("{\"stranger\":\"long enough text " + std::string(bytes) + "\"}",
                                 errc::malformed, "not UTF-8");
  }
}

TEST(Json, a_field_given_twice_is_malformed) {
  expect_failure<shop::Placed>(R"({"order":"1","order":"2"})", errc::malformed,
                               "order: given twice");
  expect_failure<std::map<std::string, bool>>(R"({"a":true,"a":false})", errc::malformed,
                                              "a: given twice");
}

TEST(Json, deep_nesting_is_refused_and_not_a_stack_overflow) {
  std::string known;
  for (int i = 0; i < 100'000; ++i) {
    known += "{\"children\":[";
  }
  expect_failure<shop::Tree>(known, errc::malformed, "nested");
  expect_failure<shop::Placed>("{\"x\":" + std::string(100'000, '['), errc::malformed, "nested");
  EXPECT_TRUE(from_json<shop::Tree>(R"({"children":[{"children":[{}]},{}]})"));
}

TEST(Json, the_event_type_chooses_the_alternative) {
  const auto event = from_json<shop::Event>(R"({"order":"7","reason":"out_of_stock"})", "Rejected");
  EXPECT_EQ(std::get<shop::Rejected>(event.value()).order.value, "7");
  EXPECT_EQ(to_json(*event), R"({"order":"7","reason":"out_of_stock"})");
  EXPECT_TRUE(std::holds_alternative<shop::Closed>(from_json<shop::Event>("{}", "Closed").value()));
  expect_failure<shop::Event>("{}", errc::unknown_type, "'Shipped'", "Shipped");
  expect_failure<shop::Event>("{}", errc::unknown_type, "''");
}

TEST(Json, a_nested_variant_carries_its_name) {
  const std::vector<shop::Event> events{shop::Closed{},
                                        shop::Rejected{{"1"}, shop::Reason::out_of_stock}};
  EXPECT_EQ(to_json(events),
            R"([{"Closed":{}},{"Rejected":{"order":"1","reason":"out_of_stock"}}])");
  expect_failure<std::vector<shop::Event>>(R"([{"Shipped":{}}])", errc::unknown_type,
                                           "[0]: 'Shipped'");
  expect_failure<std::vector<shop::Event>>(R"([{"Closed":{},"Placed":{}}])", errc::wrong_type,
                                           "found several");
  expect_failure<std::vector<shop::Event>>(R"([{}])", errc::unknown_type, "''");
  expect_failure<std::vector<shop::Event>>(R"([{"Rejected":{"order":"1"}}])", errc::missing_field,
                                           "[0].Rejected.reason: missing");
}

}  // namespace
}  // namespace millrace::codec
