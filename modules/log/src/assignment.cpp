// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/backend/assignment.hpp"

#include <algorithm>
#include <numeric>

namespace millrace::log {

namespace {

bool is_able(const AssignmentTask& task, std::size_t member) {
  return task.able.empty() || task.able[member];
}

std::vector<std::size_t> count_owned(std::span<const AssignmentTask> tasks, std::size_t members) {
  std::vector<std::size_t> owned(members, 0);
  for (const AssignmentTask& task : tasks) {
    if (task.owner >= 0) {
      ++owned[static_cast<std::size_t>(task.owner)];
    }
  }
  return owned;
}

// Tasks that somebody alive has or may have; those of a retired version count no more.
std::size_t count_shared(std::span<const AssignmentTask> tasks) {
  return static_cast<std::size_t>(
      std::count_if(tasks.begin(), tasks.end(), [](const AssignmentTask& task) {
        return task.owner >= 0 || task.able.empty() ||
               std::find(task.able.begin(), task.able.end(), true) != task.able.end();
      }));
}

std::vector<std::size_t> quotas_of(const std::vector<std::size_t>& owned, std::size_t tasks) {
  const std::size_t members = owned.size();
  std::vector<std::size_t> richest_first(members);
  std::iota(richest_first.begin(), richest_first.end(), 0);
  // The eldest of equals first.
  std::sort(richest_first.begin(), richest_first.end(), [&](std::size_t a, std::size_t b) {
    return owned[a] != owned[b] ? owned[a] > owned[b] : a < b;
  });
  std::vector<std::size_t> quotas(members, tasks / members);
  for (std::size_t i = 0; i < tasks % members; ++i) {
    ++quotas[richest_first[i]];
  }
  return quotas;
}

// The able member furthest below its quota, the eldest of equals; -1: none is below.
std::int32_t neediest(const AssignmentTask& task, const std::vector<std::size_t>& owned,
                      const std::vector<std::size_t>& quotas) {
  std::int32_t best = -1;
  std::size_t best_need = 0;
  for (std::size_t member = 0; member < owned.size(); ++member) {
    const std::size_t need = quotas[member] > owned[member] ? quotas[member] - owned[member] : 0;
    if (need > best_need && is_able(task, member)) {
      best = static_cast<std::int32_t>(member);
      best_need = need;
    }
  }
  return best;
}

std::int32_t poorest_able(const AssignmentTask& task, const std::vector<std::size_t>& owned) {
  std::int32_t best = -1;
  for (std::size_t member = 0; member < owned.size(); ++member) {
    if (is_able(task, member) &&
        (best < 0 || owned[member] < owned[static_cast<std::size_t>(best)])) {
      best = static_cast<std::int32_t>(member);
    }
  }
  return best;
}

}  // namespace

Assignment decide_assignment(std::span<const AssignmentTask> tasks, std::size_t members) {
  Assignment result;
  result.grant_to.assign(tasks.size(), -1);
  result.ask_back.assign(tasks.size(), false);
  if (members == 0) {
    return result;
  }
  std::vector<std::size_t> owned = count_owned(tasks, members);
  const std::vector<std::size_t> quotas = quotas_of(owned, count_shared(tasks));
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].owner < 0) {
      std::int32_t taker = neediest(tasks[i], owned, quotas);
      if (taker < 0) {
        taker = poorest_able(tasks[i], owned);
      }
      if (taker >= 0) {
        result.grant_to[i] = taker;
        ++owned[static_cast<std::size_t>(taker)];
      }
    }
  }
  // `owned` now counts the grants; what is still missing has to come from those who have too much.
  // Last tasks first, so that a member keeps the front of what it has.
  for (std::size_t i = tasks.size(); i-- > 0;) {
    if (tasks[i].owner < 0) {
      continue;
    }
    const auto owner = static_cast<std::size_t>(tasks[i].owner);
    if (owned[owner] <= quotas[owner]) {
      continue;
    }
    const std::int32_t taker = neediest(tasks[i], owned, quotas);
    if (taker >= 0) {
      result.ask_back[i] = true;
      --owned[owner];
      ++owned[static_cast<std::size_t>(taker)];
    }
  }
  return result;
}

}  // namespace millrace::log
