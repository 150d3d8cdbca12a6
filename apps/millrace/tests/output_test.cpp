// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "output.hpp"

#include <gtest/gtest.h>

#include "shop.hpp"

namespace millrace::cli {
namespace {

constexpr std::string_view hostile = "a\x1b[2J\xc2\x9b\xe2\x80\xae\xff";

TEST(Output, escapes_what_a_command_forgot_to_escape) {
  std::string text;
  Output out(text);
  out.line(hostile);
  out.write(std::string(hostile) + "\n");
  EXPECT_EQ(text, "a\\x1b[2J\\u009b\\u202e\\xff\na\\x1b[2J\\u009b\\u202e\\xff\n");
}

TEST(Output, a_line_stays_one_line) {
  std::string text;
  Output(text).line("one\ntwo");
  EXPECT_EQ(text, "one\\ntwo\n");
}

TEST(Output, of_json_is_the_same_json) {
  std::string text;
  Output out(text);
  out.json("{\"k\":\"\xc2\x9b\xe2\x80\xae\"}");
  out.json("{}\n");
  EXPECT_EQ(text, "{\"k\":\"\\u009b\\u202e\"}\n{}\n");
  EXPECT_TRUE(is_json(lines_of(text).front()));
}

TEST(Output, has_columns_on_a_terminal_only) {
  std::string text;
  EXPECT_FALSE(Output(text).columns());
  Output terminal(text, 60);
  EXPECT_EQ(terminal.columns(), 60U);
  terminal.show_whole();
  EXPECT_FALSE(terminal.columns());
}

}  // namespace
}  // namespace millrace::cli
