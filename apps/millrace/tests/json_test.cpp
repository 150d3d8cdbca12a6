// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "json.hpp"

#include <gtest/gtest.h>

namespace millrace::cli {
namespace {

TEST(Json, is_made_compact_and_keeps_its_numbers) {
  EXPECT_EQ(compact_json("{ \"a\" : [ 1.50 , 12345678901234567890 ] }"),
            "{\"a\":[1.50,12345678901234567890]}");
}

TEST(Json, what_is_none_is_recognized) {
  for (const char* bad : {"", "{", "nope", "{\"a\":}", "1 2"}) {
    EXPECT_FALSE(compact_json(bad)) << bad;
  }
}

TEST(Json, is_indented_for_people) {
  EXPECT_EQ(indented_json("{\"a\":[1,{\"b\":\"x,\\\"{\"}],\"c\":{},\"d\":[]}"),
            "{\n"
            "  \"a\": [\n"
            "    1,\n"
            "    {\n"
            "      \"b\": \"x,\\\"{\"\n"
            "    }\n"
            "  ],\n"
            "  \"c\": {},\n"
            "  \"d\": []\n"
            "}");
}

TEST(Json, members_are_read_by_name) {
  EXPECT_EQ(integer_in("{\"pid\":12}", "pid"), 12);
  EXPECT_FALSE(integer_in("{\"pid\":\"12\"}", "pid"));
  EXPECT_FALSE(integer_in("not json", "pid"));
  EXPECT_EQ(string_in("{\"detail\":\"no\"}", "detail"), "no");
}

TEST(Json, an_empty_text_is_left_out) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  write_text(out, "a", "");
  write_text(out, "b", "x\ny");
  EXPECT_EQ(out.end_object().take(), "{\"b\":\"x\\ny\"}");
}

}  // namespace
}  // namespace millrace::cli
