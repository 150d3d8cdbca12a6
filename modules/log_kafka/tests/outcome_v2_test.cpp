// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Transactions of version 2 (KIP-890) of which requests are delayed, fail or are cut off.
#include <algorithm>
#include <vector>

#include "commit_faults.hpp"

namespace millrace::log {
namespace {

using testkit::KafkaApi;
using testkit::KafkaFault;
using testkit::KafkaRequest;
using testkit::KafkaRule;

std::vector<Fault> of_second() {
  std::vector<Fault> faults(std::begin(commit_faults), std::end(commit_faults));
  std::erase_if(faults, [](const Fault& fault) {
    return fault.api == KafkaApi::add_offsets_to_txn ||
           fault.api == KafkaApi::add_partitions_to_txn;
  });
  return faults;
}

/// In a transaction of version 2. There the leaders and the group coordinator add what a
/// transaction writes to it, so the requests for that are no part of most commits.
class KafkaSecondCommitFaults : public KafkaCommitFaults {
 protected:
  KafkaSecondCommitFaults() : KafkaCommitFaults(testkit::KafkaTransactions::version_2) {}
};

TEST_P(KafkaSecondCommitFaults, the_answer_is_true_and_the_member_continues) {
  const auto ends = proxy.add({.api = KafkaApi::end_txn,
                               .fault = KafkaFault::none(),
                               .times = KafkaRule::always,
                               .where = [](const KafkaRequest& request) {
                                 return is_of_transaction(request) && request.version < 5;
                               }});
  expect_a_true_answer();
  EXPECT_EQ(ends.applied(), 0U) << "that was a transaction of version 1";
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaSecondCommitFaults, testing::ValuesIn(of_second()),
                         name_of_fault);

}  // namespace
}  // namespace millrace::log
