// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "table.hpp"

#include <gtest/gtest.h>

#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

Table some_table() {
  Table table({"TOPIC", "OWNER", "RECORDS"});
  table.add({"a-topic-with-a-rather-long-name", "orders", "12"});
  table.add({"b", "a-service-with-a-long-name", "-3"});
  return table;
}

TEST(Table, is_whole_when_it_goes_to_no_terminal) {
  std::string text;
  Output out(text);
  some_table().print(out);
  EXPECT_EQ(text,
            "TOPIC                            OWNER                       RECORDS\n"
            "a-topic-with-a-rather-long-name  orders                           12\n"
            "b                                a-service-with-a-long-name       -3\n");
}

TEST(Table, has_its_widest_texts_cut_on_a_terminal) {
  std::string text;
  Output out(text, 40);
  some_table().print(out);
  EXPECT_EQ(text,
            "TOPIC           OWNER            RECORDS\n"
            "a-topic-with-…  orders                12\n"
            "b               a-service-with…       -3\n");
}

TEST(Table, fits_any_width) {
  for (std::size_t columns = 1; columns < 80; ++columns) {
    std::string text;
    Output out(text, columns);
    some_table().print(out, "  ");
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 3U);
    for (const std::string& line : lines)
      EXPECT_LE(display_width(line), columns) << line;
  }
}

TEST(Table, keeps_a_foreign_cell_on_its_line) {
  std::string text;
  Output out(text);
  Table table({"ID"});
  table.add({"a\x1b[2J\nb"});
  table.print(out);
  EXPECT_EQ(text, "ID\na\\x1b[2J\\nb\n");
}

}  // namespace
}  // namespace millrace::cli
