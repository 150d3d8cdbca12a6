// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace millrace::cli {
namespace {

TEST(Descriptors, are_as_many_as_the_system_allows) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  raise_descriptor_limit();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

}  // namespace
}  // namespace millrace::cli
