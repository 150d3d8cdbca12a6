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

TEST(Json, what_is_none_is_told_apart) {
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

TEST(JsonObject, escapes_names_and_values) {
  std::string out;
  JsonObject object(out);
  object.field("a", 1).field("b\"", "x\ny").raw("c", "[]").text("d", "");
  object.end();
  EXPECT_EQ(out, "{\"a\":1,\"b\\\"\":\"x\\ny\",\"c\":[]}");
}

}  // namespace
}  // namespace millrace::cli
