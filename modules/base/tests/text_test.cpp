// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace millrace {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  ByteWriter writer(out);
  write_json_string(writer, text);
  return writer.take();
}

TEST(Hex, has_two_lower_case_digits_for_each_byte) {
  EXPECT_EQ(hex(std::string_view("\x00\xff", 2)), "00ff");
  EXPECT_EQ(hex(""), "");
  EXPECT_EQ(hex_number(0x1f), "000000000000001f");
  std::string out = "id-";
  append_short_hex(out, 0xabc);
  append_short_hex(out, 0);
  EXPECT_EQ(out, "id-abc0");
}

RC_GTEST_PROP(Hex, that_was_written_is_read, (const std::string& bytes)) {
  RC_ASSERT(hex_decode(hex(bytes)) == bytes);
}

TEST(Hex, of_either_case_is_read_and_other_text_is_none) {
  EXPECT_EQ(hex_decode("0aFF"), "\x0a\xff");
  EXPECT_EQ(hex_decode(""), "");
  for (const char* text : {"0", "0g", "g0", "0x", " 0", "0 ", "00-"}) {
    EXPECT_EQ(hex_decode(text), std::nullopt) << text;
  }
}

TEST(Percent, encodes_all_but_unreserved_characters) {
  EXPECT_EQ(percent_encode("aZ09-._~ /%\xff"), "aZ09-._~%20%2F%25%FF");
}

RC_GTEST_PROP(Percent, that_was_written_is_read, (const std::string& bytes)) {
  const std::string encoded = percent_encode(bytes);
  RC_ASSERT(encoded.find_first_of(" /?#+&=\r\n") == std::string::npos);
  RC_ASSERT(percent_decode(encoded) == bytes);
  RC_ASSERT(percent_decode(encoded, true) == bytes);
}

TEST(Percent, decodes_escapes_of_either_case_and_pluses_in_queries) {
  EXPECT_EQ(percent_decode("%2f%2F+"), "//+");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
}

TEST(Percent, with_a_broken_escape_is_no_text) {
  for (const char* text : {"%", "%2", "a%", "a%2", "%g0", "%0g", "%%20", "%-1"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

TEST(Utf8, sequences_are_those_of_the_standard) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xc2\xa3"), 2U);
  EXPECT_EQ(utf8_length("\xe2\x82\xac"), 3U);
  EXPECT_EQ(utf8_length("\xf0\x9f\x98\x80"), 4U);
  EXPECT_EQ(utf8_length("\xff"), 0U);
  EXPECT_EQ(utf8_length("\xe2\x82"), 0U) << "cut off";
  EXPECT_EQ(utf8_length("\xc0\xaf"), 0U) << "overlong";
  EXPECT_EQ(utf8_length("\xe0\x80\xaf"), 0U) << "overlong";
  EXPECT_EQ(utf8_length("\xed\xa0\x80"), 0U) << "a surrogate";
  EXPECT_EQ(utf8_length("\xf4\x90\x80\x80"), 0U) << "beyond U+10FFFF";
}

TEST(JsonString, what_json_escapes_is_escaped_and_the_rest_passes) {
  EXPECT_EQ(json_string("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f"),
            "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(json_string("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_string(std::string(1, '\0')), "\"\\u0000\"");
  EXPECT_EQ(json_string(""), "\"\"");
}

TEST(JsonString, bytes_that_are_not_utf8_are_replaced_one_by_one) {
  EXPECT_EQ(json_string("a\xff\xc3z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
}

}  // namespace
}  // namespace millrace
