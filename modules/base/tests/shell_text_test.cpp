// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/shell_text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

namespace millrace {
namespace {

std::string said_by_shell(const std::string& word) {
  FILE* const shell = ::popen(("printf %s " + word).c_str(), "r");
  std::string said;
  std::array<char, 256> part{};
  for (std::size_t count = 0; (count = std::fread(part.data(), 1, part.size(), shell)) > 0;) {
    said.append(part.data(), count);
  }
  EXPECT_EQ(::pclose(shell), 0) << word;
  return said;
}

TEST(ShellText, is_one_word_for_a_shell_whatever_it_holds) {
  for (const std::string text : {"a b", "it's", "$HOME `id` \"x\" \\", "a\nb", "*", "é", "-n"}) {
    EXPECT_EQ(said_by_shell(shell_word(text)), text);
  }
}

TEST(ShellText, has_quotes_only_where_it_needs_them) {
  EXPECT_EQ(shell_word("host:9092,b=c@d/e.f_g-h"), "host:9092,b=c@d/e.f_g-h");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace millrace
