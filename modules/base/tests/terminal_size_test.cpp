// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/terminal_size.hpp"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace millrace {
namespace {

class Terminal : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::openpty(&outside, &inside, nullptr, nullptr, nullptr), 0); }
  void TearDown() override {
    ::close(outside);
    ::close(inside);
  }
  void resize(unsigned short columns, unsigned short rows) const {
    const winsize window{rows, columns, 0, 0};
    ASSERT_EQ(::ioctl(outside, TIOCSWINSZ, &window), 0);
  }
  int outside = -1;
  int inside = -1;
};

TEST_F(Terminal, has_the_size_that_it_has_now) {
  resize(61, 17);
  ASSERT_TRUE(terminal_size(inside));
  EXPECT_EQ(terminal_size(inside)->columns, 61U);
  EXPECT_EQ(terminal_size(inside)->rows, 17U);
  resize(200, 50);
  EXPECT_EQ(terminal_size(inside)->columns, 200U);
}

TEST_F(Terminal, that_does_not_know_its_size_is_80_by_24) {
  resize(0, 0);
  ASSERT_TRUE(terminal_size(inside));
  EXPECT_EQ(terminal_size(inside)->columns, 80U);
  EXPECT_EQ(terminal_size(inside)->rows, 24U);
}

TEST(NoTerminal, has_no_size) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(terminal_size(ends[1]));
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(terminal_size(ends[1]));
}

}  // namespace
}  // namespace millrace
