// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/headers.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Headers, names_are_found_whatever_their_case) {
  const Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}};
  EXPECT_EQ(headers.find("content-type"), "text/plain");
  EXPECT_EQ(headers.find("x-a"), "1");
  EXPECT_FALSE(headers.find("X-B"));
}

TEST(Headers, set_replaces_and_add_repeats) {
  Headers headers;
  headers.add("A", "1");
  headers.add("a", "2");
  headers.set("A", "3, longer than before");
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers.at(0),
            (std::pair<std::string_view, std::string_view>("A", "3, longer than before")));
  EXPECT_EQ(headers.at(1).second, "2");
}

TEST(Headers, a_value_cannot_start_a_new_line) {
  Headers headers;
  headers.add("Location", std::string_view("/x\r\nSet-Cookie: evil=1\0", 23));
  const auto value = *headers.find("Location");
  EXPECT_EQ(value.find_first_of(std::string_view("\r\n\0", 3)), std::string_view::npos) << value;
  EXPECT_EQ(value, "/x  Set-Cookie: evil=1 ");
}

TEST(Headers, a_name_that_is_no_token_is_left_out) {
  Headers headers;
  headers.add("X: y\r\nZ", "1");
  headers.add("", "1");
  EXPECT_EQ(headers.size(), 0U);
}

}  // namespace
}  // namespace millrace::http
