// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/json_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace millrace {
namespace {

TEST(JsonWriter, commas_stand_between_members_and_elements_only) {
  std::string text = "body: ";
  JsonWriter out(text);
  out.begin_object().key("empty").begin_object().end_object().key("list").begin_array();
  out.value(1).begin_array().end_array().begin_object().field("a", 2).end_object().value(3);
  out.end_array().field("last", "x").end_object();
  EXPECT_EQ(out.take(), R"(body: {"empty":{},"list":[1,[],{"a":2},3],"last":"x"})");
}

TEST(JsonWriter, a_value_keeps_its_type) {
  std::string text;
  JsonWriter out(text);
  const char* const words = "true";
  out.begin_array().value(-3).value(std::numeric_limits<std::uint64_t>::max()).value(true);
  out.value(0.25).value(words).value(std::string("s")).value(std::string_view("v")).raw("[1]");
  out.end_array();
  EXPECT_EQ(out.take(), R"([-3,18446744073709551615,true,0.25,"true","s","v",[1]])");
}

TEST(JsonWriter, numbers_that_json_lacks_are_null) {
  std::string text;
  JsonWriter out(text);
  out.begin_array().value(std::numeric_limits<double>::quiet_NaN());
  out.value(-std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(out.take(), "[null,null]");
}

TEST(JsonWriter, names_and_text_are_escaped) {
  std::string text;
  JsonWriter out(text);
  out.begin_object().field("a\"b", "c\n\xff").plain_key("plain").value(1).end_object();
  EXPECT_EQ(out.take(), "{\"a\\\"b\":\"c\\n\xef\xbf\xbd\",\"plain\":1}");
}

}  // namespace
}  // namespace millrace
