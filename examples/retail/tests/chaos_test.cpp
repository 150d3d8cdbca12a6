// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/run/chaos.hpp"

#include <gtest/gtest.h>

#include "millrace/service/supervisor.hpp"

namespace retail {
namespace {

TEST(Chaos, kills_no_service_twice_before_it_was_started_again) {
  millrace::service::Supervisor services({}, millrace::real_clock());
  ASSERT_TRUE(services.start({"sleeper", {"/bin/sh", "-c", "exec sleep 1000"}, ""}));
  Chaos chaos(1, 7, 0);
  chaos.kill_one(services);
  chaos.kill_one(services);
  EXPECT_EQ(chaos.kills(), 1);
  while (services.status().front().starts < 2)
    services.poll(1'000);
  chaos.kill_one(services);
  EXPECT_EQ(chaos.kills(), 2);
}

}  // namespace
}  // namespace retail
