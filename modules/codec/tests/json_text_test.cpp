// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "arbitrary.hpp"

namespace millrace::codec {
namespace {

TEST(JsonText, what_json_escapes_is_escaped_and_the_rest_passes) {
  EXPECT_EQ(to_json(std::string("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f")),
            "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(to_json(std::string("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")),
            "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  EXPECT_EQ(to_json(std::string(1, '\0')), "\"\\u0000\"");
}

TEST(JsonText, bytes_that_are_not_utf8_are_replaced_so_that_the_text_stays_json) {
  EXPECT_EQ(to_json(std::string("a\xff\xc3z")), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
  EXPECT_EQ(from_json<std::string>(to_json(std::string("0123456789\xed\xa0\x80"))).value(),
            "0123456789\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

RC_GTEST_PROP(JsonText, any_bytes_make_a_text_that_can_be_read, (const std::string& bytes)) {
  RC_ASSERT(from_json<std::string>(to_json(bytes)).has_value());
}

TEST(JsonText, a_special_byte_is_found_at_every_position) {
  for (std::size_t length = 1; length < 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char special : {'"', '\\', '\n', '\x1f'}) {
        std::string text(length, 'x');
        text[at] = special;
        ASSERT_EQ(from_json<std::string>(to_json(text)).value(), text);
      }
    }
  }
}

TEST(JsonText, a_long_text_grows_the_buffer_as_needed) {
  const std::string text(1'000'000, '\n');
  std::string out = "kept";
  encode_json(type_info<std::string>(), &text, out);
  EXPECT_EQ(out.size(), 4 + 2 + 2 * text.size());
  EXPECT_EQ(from_json<std::string>(out.substr(4)).value(), text);
}

TEST(JsonText, escapes_of_all_forms_are_read) {
  EXPECT_EQ(from_json<std::string>(R"("\u0041\u00e9\u20AC\ud83d\ude00\"\\/\b\f\n\r\t")").value(),
            "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\\/\b\f\n\r\t");
}

}  // namespace
}  // namespace millrace::codec
