// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <string>
#include <vector>

#include "log_contract.hpp"
#include "millrace/log/find_groups.hpp"

namespace millrace::log {
namespace {

TEST_P(LogContract, groups_are_found_by_name_and_without_positions) {
  auto log = connect("stock", "stock-1");
  const auto partition = make_topic(*log, "t");
  auto member = join(*log, "g", {"0_0"});
  come_to_rest({&member});
  ASSERT_TRUE(log->group("h").has_value());
  Transaction transaction;
  transaction.set_position(member.held.at(0).group(), partition, offset(0));
  ASSERT_TRUE(commit(*log, transaction).has_value());
  // It waits for the end of the transaction, which a list does not.
  EXPECT_EQ(log->position(member.held.at(0).group(), partition).value(), offset(0));
  const auto names = [&](const GroupsWanted& wanted) {
    std::vector<std::string> found;
    const auto groups = find_groups(*log, wanted).value();
    for (const GroupInfo& group : groups) {
      found.push_back(group.name + " " + std::to_string(group.tasks.size()) + " " +
                      std::to_string(group.positions.size()));
    }
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({}), (Names{"g 1 1", "h 0 0"}));
  EXPECT_EQ(names({.positions = false}), (Names{"g 1 0", "h 0 0"}));
  EXPECT_EQ(names({.name = "g"}), Names{"g 1 1"});
  EXPECT_EQ(names({.name = "g", .positions = false}), Names{"g 1 0"});
  EXPECT_EQ(names({.name = "i"}), Names{});
}

}  // namespace
}  // namespace millrace::log
