// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/field.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace millrace::telemetry {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string json_field(const Field& field) {
  std::string out;
  append_json_field(out, field);
  return out;
}

TEST(Field, quotes_backslashes_and_control_characters_are_escaped) {
  EXPECT_EQ(json_string("a\"b\\c\n\r\t\x01"), R"("a\"b\\c\n\r\t\u0001")");
  EXPECT_EQ(json_string(std::string_view("\0x", 2)), R"("\u0000x")");
  EXPECT_EQ(json_string(""), R"("")");
}

TEST(Field, well_formed_utf8_stays_as_it_is) {
  EXPECT_EQ(json_string("\xC2\xA3 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "\"\xC2\xA3 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
}

TEST(Field, bytes_that_are_not_utf8_become_the_replacement_character) {
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(json_string("a\xFFz"), '"' + std::string("a") + replacement + "z\"");
  EXPECT_EQ(json_string("\xC0\xAF"), '"' + replacement + replacement + '"') << "overlong";
  EXPECT_EQ(json_string("\xED\xA0\x80"), '"' + replacement + replacement + replacement + '"')
      << "a surrogate";
  EXPECT_EQ(json_string("\xE2\x82"), '"' + replacement + replacement + '"') << "cut off";
}

TEST(Field, a_value_keeps_its_type) {
  EXPECT_EQ(json_field({"n", -3}), R"("n":-3)");
  EXPECT_EQ(json_field({"n", std::numeric_limits<std::uint64_t>::max()}),
            R"("n":18446744073709551615)");
  EXPECT_EQ(json_field({"ok", true}), R"("ok":true)");
  EXPECT_EQ(json_field({"s", 0.25}), R"("s":0.25)");
  EXPECT_EQ(json_field({"text", "true"}), R"("text":"true")");
}

TEST(Field, a_number_that_json_cannot_say_is_null) {
  EXPECT_EQ(json_field({"s", std::numeric_limits<double>::quiet_NaN()}), R"("s":null)");
  EXPECT_EQ(json_field({"s", std::numeric_limits<double>::infinity()}), R"("s":null)");
}

}  // namespace
}  // namespace millrace::telemetry
