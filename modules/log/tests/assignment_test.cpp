// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/backend/assignment.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace millrace::log {
namespace {

std::vector<AssignmentTask> owned_by(const std::vector<std::int32_t>& owners) {
  std::vector<AssignmentTask> tasks;
  for (const std::int32_t owner : owners) {
    tasks.push_back({owner, {}});
  }
  return tasks;
}

std::vector<std::size_t> counts(const std::vector<AssignmentTask>& tasks, std::size_t members) {
  std::vector<std::size_t> result(members, 0);
  for (const AssignmentTask& task : tasks) {
    if (task.owner >= 0) {
      ++result[static_cast<std::size_t>(task.owner)];
    }
  }
  return result;
}

// Lets all members follow the decisions until nothing changes; returns how many tasks changed
// hands.
int settle(std::vector<AssignmentTask>& tasks, std::size_t members) {
  int moved = 0;
  for (std::size_t round = 0; round < tasks.size() * 2 + 4; ++round) {
    const Assignment decision = decide_assignment(tasks, members);
    bool changed = false;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (decision.grant_to[i] >= 0) {
        EXPECT_EQ(tasks[i].owner, -1) << "a task that has an owner was granted";
        tasks[i].owner = decision.grant_to[i];
        changed = true;
      } else if (decision.ask_back[i]) {
        EXPECT_NE(tasks[i].owner, -1) << "a free task was asked back";
        tasks[i].owner = -1;
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

TEST(Assignment, the_tasks_of_a_dead_member_go_to_the_members_that_have_least) {
  const Assignment decision = decide_assignment(owned_by({0, 0, 0, -1, -1, 1}), 2);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1, -1, 1, 1, -1}));
}

TEST(Assignment, more_members_than_tasks_leave_some_without) {
  auto tasks = owned_by({-1, -1});
  settle(tasks, 5);
  EXPECT_EQ(counts(tasks, 5), (std::vector<std::size_t>{1, 1, 0, 0, 0}));
}

TEST(Assignment, only_members_that_name_a_task_get_it) {
  // Member 1 is newer and names a fourth task.
  std::vector<AssignmentTask> tasks{
      {0, {true, true}}, {0, {true, true}}, {0, {true, true}}, {-1, {false, true}}};
  const Assignment decision = decide_assignment(tasks, 2);
  EXPECT_EQ(decision.grant_to[3], 1);
  settle(tasks, 2);
  EXPECT_EQ(counts(tasks, 2), (std::vector<std::size_t>{2, 2}));
  EXPECT_EQ(tasks[3].owner, 1);
}

TEST(Assignment, tasks_that_no_live_member_names_do_not_count) {
  std::vector<AssignmentTask> tasks(4, {-1, {false, false}});
  tasks.push_back({-1, {true, true}});
  tasks.push_back({-1, {true, true}});
  const Assignment decision = decide_assignment(tasks, 2);
  EXPECT_EQ(decision.grant_to, (std::vector<std::int32_t>{-1, -1, -1, -1, 0, 1}));
}

TEST(Assignment, a_task_that_only_a_full_member_names_is_still_worked_on) {
  std::vector<AssignmentTask> tasks{{1, {false, true}}, {-1, {false, true}}, {-1, {false, true}}};
  settle(tasks, 2);
  EXPECT_EQ(counts(tasks, 2), (std::vector<std::size_t>{0, 3}));
}

RC_GTEST_PROP(Assignment, any_state_comes_to_rest_fair_and_moves_no_more_than_it_must, ()) {
  const auto members = *rc::gen::inRange<std::size_t>(1, 7);
  const auto owners = *rc::gen::container<std::vector<std::int32_t>>(
      rc::gen::inRange<std::int32_t>(-1, static_cast<std::int32_t>(members)));
  auto tasks = owned_by(owners);
  const auto before = counts(tasks, members);
  const std::size_t ceil = (tasks.size() + members - 1) / members;
  const std::size_t floor = tasks.size() / members;
  // What is above ceil has to move whichever member gets it; each larger quota given to another
  // costs one move at most.
  std::size_t most = 0;
  for (const std::size_t count : before) {
    most += count > floor ? count - floor : 0;
  }
  const int moved = settle(tasks, members);
  for (const std::size_t count : counts(tasks, members)) {
    const bool fair = count == floor || count == ceil;
    RC_ASSERT(fair);
  }
  RC_ASSERT(static_cast<std::size_t>(moved) <= most);
}

RC_GTEST_PROP(Assignment,
              mixed_versions_come_to_rest_with_every_task_owned_by_a_member_that_names_it, ()) {
  const auto members = *rc::gen::inRange<std::size_t>(1, 6);
  const auto masks =
      *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, 1U << members));
  std::vector<AssignmentTask> tasks;
  for (const unsigned mask : masks) {
    AssignmentTask task;
    for (std::size_t member = 0; member < members; ++member) {
      task.able.push_back((mask >> member & 1U) != 0);
    }
    tasks.push_back(task);
  }
  settle(tasks, members);
  for (const AssignmentTask& task : tasks) {
    const bool anybody = std::find(task.able.begin(), task.able.end(), true) != task.able.end();
    const bool owned = task.owner >= 0;
    RC_ASSERT(owned == anybody);
    const bool allowed = task.owner < 0 || task.able[static_cast<std::size_t>(task.owner)];
    RC_ASSERT(allowed);
  }
}

}  // namespace
}  // namespace millrace::log
