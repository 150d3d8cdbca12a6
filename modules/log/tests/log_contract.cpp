// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_contract.hpp"

#include <algorithm>
#include <limits>

namespace millrace::log {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LogContract);

std::unique_ptr<Log> LogContract::connect(std::string service, std::string member) {
  LogOptions options;
  options.service = std::move(service);
  options.member = std::move(member);
  auto log = world_->connect(std::move(options));
  EXPECT_NE(log, nullptr);
  return log;
}

TopicPartition LogContract::make_topic(Log& log, const std::string& name, std::int32_t partitions,
                                       TopicKind kind) {
  const auto topic = log.create_topic({name, partitions, kind, log.options().service});
  if (!topic) {
    ADD_FAILURE() << topic.error().to_string();
    return {};
  }
  return {topic->id, partition(0)};
}

Result<Committed> LogContract::commit(Log& log, Transaction& transaction) {
  auto committed = log.commit(transaction);
  if (committed) {
    const Status visible = log.wait_visible(*committed, std::numeric_limits<std::int64_t>::max());
    EXPECT_TRUE(visible) << visible.error().to_string();
  }
  return committed;
}

Committed LogContract::put(Log& log, TopicPartition partition, const std::string& key,
                           const std::string& value) {
  Transaction transaction;
  transaction.append(partition, {0, key, value, {}});
  auto committed = commit(log, transaction);
  if (!committed) {
    ADD_FAILURE() << committed.error().to_string();
    return {};
  }
  return *committed;
}

std::string LogContract::text_of(const RecordView& record) {
  return (record.key ? std::string(*record.key) : "null") + "=" +
         (record.value ? std::string(*record.value) : "null");
}

std::vector<std::string> LogContract::read(Log& log, TopicPartition partition, Offset from) {
  std::vector<std::string> result;
  FetchBuffer buffer;
  // Fetches tell what this handle has heard of; asked for the end it hears of everything.
  EXPECT_TRUE(log.end_offset(partition).has_value());
  for (;;) {
    const Status status = log.fetch(partition, from, 1U << 16U, buffer);
    if (!status) {
      ADD_FAILURE() << status.error().to_string();
      return result;
    }
    if (buffer.records.empty()) {
      return result;
    }
    for (const RecordView& record : buffer.records) {
      result.push_back(text_of(record));
    }
    from = buffer.next;
  }
}

ObedientMember LogContract::join(Log& log, const std::string& group,
                                 std::vector<std::string> tasks) {
  const auto id = log.group(group);
  if (!id) {
    ADD_FAILURE() << id.error().to_string();
    return {world(), log, nullptr, {}, {}};
  }
  auto membership = log.join(*id, std::move(tasks));
  if (!membership) {
    ADD_FAILURE() << membership.error().to_string();
    return {world(), log, nullptr, {}, {}};
  }
  return {world(), log, std::move(*membership), {}, {}};
}

bool ObedientMember::obey() {
  world.synchronize();
  if (const Status status = log.maintain(); !status) {
    ADD_FAILURE() << status.error().to_string();
    return false;
  }
  auto change = membership->poll();
  if (!change) {
    ADD_FAILURE() << change.error().to_string();
    return false;
  }
  for (const Claim& claim : change->lost) {
    EXPECT_EQ(std::erase(held, claim), 1U) << "lost a claim that was not held";
    lost.push_back(claim);
  }
  held.insert(held.end(), change->granted.begin(), change->granted.end());
  for (const Claim& claim : change->asked_back) {
    EXPECT_EQ(std::erase(held, claim), 1U) << "asked back a claim that is not held";
    EXPECT_TRUE(membership->release(claim).has_value());
  }
  return !change->empty();
}

std::vector<std::string> ObedientMember::tasks() const {
  std::vector<std::string> names;
  for (const Claim& claim : held) {
    names.push_back(claim.task());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void LogContract::come_to_rest(const std::vector<ObedientMember*>& members) {
  for (int quiet = 0, round = 0; quiet < 2; ++round) {
    bool changed = false;
    for (ObedientMember* member : members) {
      changed = member->obey() || changed;
    }
    quiet = changed ? 0 : quiet + 1;
    if (round == 100) {
      ADD_FAILURE() << "the group does not come to rest";
      return;
    }
  }
}

LogContract::Pair LogContract::two_members() {
  auto log_a = connect("stock", "a");
  auto log_b = connect("stock", "b");
  const auto partition = make_topic(*log_a, "t");
  auto a = join(*log_a, "g", six_tasks);
  auto b = join(*log_b, "g", six_tasks);
  come_to_rest({&a, &b});
  EXPECT_EQ(a.held.size(), 3U);
  EXPECT_EQ(b.held.size(), 3U);
  return {std::move(log_a), std::move(log_b), partition, std::move(a), std::move(b)};
}

void LogContract::outlast_the_others(ObedientMember& member) {
  for (int i = 0; i < 6; ++i) {
    member.obey();
    world().advance_ms(member.log.options().session_timeout_ms / 4);
  }
  come_to_rest({&member});
}

void LogContract::expect_fenced(Log& log, Transaction& transaction) {
  const auto committed = commit(log, transaction);
  ASSERT_FALSE(committed);
  EXPECT_TRUE(committed.error().is(errc::fenced)) << committed.error().to_string();
}

}  // namespace millrace::log
