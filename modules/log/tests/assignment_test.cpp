// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/backend/assignment.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace millrace::log {
namespace {

std::vector<AssignmentUnit> owned_by(const std::vector<std::int32_t>& owners) {
  std::vector<AssignmentUnit> units;
  for (const std::int32_t owner : owners) {
    units.push_back({owner, {}});
  }
  return units;
}

std::vector<std::size_t> counts(const std::vector<AssignmentUnit>& units, std::size_t members) {
  std::vector<std::size_t> result(members, 0);
  for (const AssignmentUnit& unit : units) {
    if (unit.owner >= 0) {
      ++result[static_cast<std::size_t>(unit.owner)];
    }
  }
  return result;
}

// Lets everybody do as told until nothing changes; answers how many units changed hands.
int settle(std::vector<AssignmentUnit>& units, std::size_t members) {
  int moved = 0;
  for (std::size_t round = 0; round < units.size() * 2 + 4; ++round) {
    const Assignment decision = decide_assignment(units, members);
    bool changed = false;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (decision.grant_to[i] >= 0) {
        EXPECT_EQ(units[i].owner, -1) << "a unit that has an owner was granted";
        units[i].owner = decision.grant_to[i];
        changed = true;
      } else if (decision.ask_back[i]) {
        EXPECT_NE(units[i].owner, -1) << "a free unit was asked back";
        units[i].owner = -1;
        ++moved;
        changed = true;
      }
    }
    if (!changed) {
      return moved;
    }
  }
  ADD_FAILURE() << "the sharing does not come to rest";
  return moved;
}

TEST(Assignment, one_member_gets_everything) {
  const Assignment decision = decide_assignment(owned_by({-1, -1, -1}), 1);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{0, 0, 0}));
}

TEST(Assignment, nobody_gets_anything_without_members) {
  const Assignment decision = decide_assignment(owned_by({-1, -1}), 0);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1}));
}

TEST(Assignment, a_newcomer_gets_its_share_only_after_the_owner_released_it) {
  const Assignment decision = decide_assignment(owned_by({0, 0, 0, 0}), 2);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1, -1, -1}));
  EXPECT_EQ(decision.ask_back, (std::vector<bool>{false, false, true, true}));
}

TEST(Assignment, a_fair_state_stays_as_it_is) {
  for (const auto& owners :
       {std::vector<std::int32_t>{0, 1, 1}, {1, 0, 0}, {0, 0, 1, 1, 2}, {2, 1, 0}}) {
    const Assignment decision = decide_assignment(
        owned_by(owners),
        static_cast<std::size_t>(*std::max_element(owners.begin(), owners.end())) + 1);
    EXPECT_EQ(std::count(decision.ask_back.begin(), decision.ask_back.end(), true), 0);
  }
}

TEST(Assignment, the_units_of_a_dead_member_go_to_those_who_have_least) {
  const Assignment decision = decide_assignment(owned_by({0, 0, 0, -1, -1, 1}), 2);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1, -1, 1, 1, -1}));
}

TEST(Assignment, more_members_than_units_leave_some_without) {
  auto units = owned_by({-1, -1});
  settle(units, 5);
  EXPECT_EQ(counts(units, 5), (std::vector<std::size_t>{1, 1, 0, 0, 0}));
}

TEST(Assignment, only_members_that_name_a_unit_get_it) {
  // Member 1 is newer and names a fourth unit.
  std::vector<AssignmentUnit> units{
      {0, {true, true}}, {0, {true, true}}, {0, {true, true}}, {-1, {false, true}}};
  const Assignment decision = decide_assignment(units, 2);
  EXPECT_EQ(decision.grant_to[3], 1);
  settle(units, 2);
  EXPECT_EQ(counts(units, 2), (std::vector<std::size_t>{2, 2}));
  EXPECT_EQ(units[3].owner, 1);
}

TEST(Assignment, units_that_no_live_member_names_do_not_count) {
  std::vector<AssignmentUnit> units(4, {-1, {false, false}});
  units.push_back({-1, {true, true}});
  units.push_back({-1, {true, true}});
  const Assignment decision = decide_assignment(units, 2);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1, -1, -1, 0, 1}));
}

TEST(Assignment, a_unit_that_only_a_full_member_names_is_still_worked_on) {
  std::vector<AssignmentUnit> units{{1, {false, true}}, {-1, {false, true}}, {-1, {false, true}}};
  settle(units, 2);
  EXPECT_EQ(counts(units, 2), (std::vector<std::size_t>{0, 3}));
}

RC_GTEST_PROP(Assignment, any_state_comes_to_rest_fair_and_moves_no_more_than_it_must, ()) {
  const auto members = *rc::gen::inRange<std::size_t>(1, 7);
  const auto owners = *rc::gen::container<std::vector<std::int32_t>>(
      rc::gen::inRange<std::int32_t>(-1, static_cast<std::int32_t>(members)));
  auto units = owned_by(owners);
  const auto before = counts(units, members);
  const std::size_t ceil = (units.size() + members - 1) / members;
  const std::size_t floor = units.size() / members;
  // What is above ceil has to move whoever gets it; each larger quota given to another costs one
  // move at most.
  std::size_t most = 0;
  for (const std::size_t count : before) {
    most += count > floor ? count - floor : 0;
  }
  const int moved = settle(units, members);
  for (const std::size_t count : counts(units, members)) {
    const bool fair = count == floor || count == ceil;
    RC_ASSERT(fair);
  }
  RC_ASSERT(static_cast<std::size_t>(moved) <= most);
}

RC_GTEST_PROP(Assignment, mixed_versions_come_to_rest_with_every_unit_owned_by_one_who_names_it,
              ()) {
  const auto members = *rc::gen::inRange<std::size_t>(1, 6);
  const auto masks =
      *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, 1U << members));
  std::vector<AssignmentUnit> units;
  for (const unsigned mask : masks) {
    AssignmentUnit unit;
    for (std::size_t member = 0; member < members; ++member) {
      unit.able.push_back((mask >> member & 1U) != 0);
    }
    units.push_back(unit);
  }
  settle(units, members);
  for (const AssignmentUnit& unit : units) {
    const bool anybody = std::find(unit.able.begin(), unit.able.end(), true) != unit.able.end();
    const bool owned = unit.owner >= 0;
    RC_ASSERT(owned == anybody);
    const bool allowed = unit.owner < 0 || unit.able[static_cast<std::size_t>(unit.owner)];
    RC_ASSERT(allowed);
  }
}

}  // namespace
}  // namespace millrace::log
