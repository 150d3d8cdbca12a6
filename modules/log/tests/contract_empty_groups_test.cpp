// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <string>

#include "log_contract.hpp"
#include "millrace/log/empty_groups.hpp"

namespace millrace::log {
namespace {

bool is_g(const GroupInfo& group) { return group.name == "g"; }

std::size_t members_of_g(Log& log) {
  const auto groups = log.groups().value();
  const auto found = std::find_if(groups.begin(), groups.end(), is_g);
  return found == groups.end() ? 0 : found->members.size();
}

TEST_P(LogContract, a_tool_that_is_alone_expels_the_members_that_died) {
  auto log = connect("stock", "stock-1");
  auto member = join(*log, "g", {"0_0", "0_1"});
  come_to_rest({&member});
  world().kill(*log);
  auto tool = connect("stock", "tool");
  const Status done = await_empty_groups(*tool, world().clock(), is_g, [&] {
    world().advance_ms(500);
    return Status{};
  });
  ASSERT_TRUE(done.has_value()) << done.error().to_string();
  EXPECT_EQ(members_of_g(*tool), 0U);
}

TEST_P(LogContract, a_tool_waits_for_no_member_that_lives_and_names_it) {
  auto log = connect("stock", "stock-1");
  auto member = join(*log, "g", {"0_0", "0_1"});
  come_to_rest({&member});
  auto tool = connect("stock", "tool");
  const Status refused = await_empty_groups(*tool, world().clock(), is_g, [&] {
    world().advance_ms(500);
    member.obey();
    return Status{};
  });
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(millrace::errc::busy)) << refused.error().to_string();
  EXPECT_NE(refused.error().message().find("stock-1 of group g lives"), std::string::npos)
      << refused.error().to_string();
  EXPECT_EQ(member.held.size(), 2U);
  EXPECT_EQ(members_of_g(*tool), 1U);
}

TEST_P(LogContract, a_tool_with_nobody_in_its_way_writes_nothing) {
  auto log = connect();
  ASSERT_TRUE(log->group("g").has_value());
  const Status done = await_empty_groups(*log, world().clock(), is_g, [] {
    return Status(fail(errc::closed, "it waits for nobody"));
  });
  EXPECT_TRUE(done.has_value()) << done.error().to_string();
  EXPECT_EQ(log->groups().value().size(), 1U);
}

}  // namespace
}  // namespace millrace::log
