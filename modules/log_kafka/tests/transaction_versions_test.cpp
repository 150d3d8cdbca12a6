// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Which version transactions have, and in which epoch of which producer they are.
#include "transactions_world.hpp"

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Api;

class TransactionVersions : public TransactionsTest {};

TEST_F(TransactionVersions, below_level_2_are_those_of_version_1) {
  for (const std::int16_t level : {0, 1}) {
    SCOPED_TRACE(level);
    open(level);
    ASSERT_TRUE(commit().has_value());
    ASSERT_TRUE(commit().has_value());
    EXPECT_THAT(requests(),
                ElementsAre("AddPartitionsToTxn v2 epoch 0", "Produce v8 t/0 epoch 0 sequence 0",
                            "EndTxn v2 epoch 0 commit", "AddPartitionsToTxn v2 epoch 0",
                            "Produce v8 t/0 epoch 0 sequence 2", "EndTxn v2 epoch 0 commit"));
    EXPECT_EQ(cluster_->committed(), 2);
  }
}

// Brokers cannot fence a transaction in the last epoch of an id.
TEST_F(TransactionVersions, of_version_2_have_another_producer_id_before_the_last_epoch) {
  open(2, 32'764);
  expect_second(32'764);
  expect_second(32'765);
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(), ElementsAre("InitProducerId v5 id 7 epoch 32766",
                                      "Produce v12 t/0 id 8 epoch 0 sequence 0",
                                      "EndTxn v5 id 8 epoch 0 commit"));
  ASSERT_TRUE(commit_positions().has_value());
  EXPECT_THAT(requests(), testing::Contains("TxnOffsetCommit v5 id 8 epoch 1"));
  EXPECT_EQ(cluster_->committed(), 3);
}

TEST_F(TransactionVersions, continue_with_the_producer_id_that_the_end_before_gave) {
  open(2);
  cluster_->change_id();
  // The one that is repeated has the old id.
  cluster_->stall(Api::end_txn);
  ASSERT_TRUE(commit().has_value());
  requests();
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(), ElementsAre("Produce v12 t/0 id 8 epoch 0 sequence 0",
                                      "EndTxn v5 id 8 epoch 0 commit"));
  EXPECT_EQ(cluster_->committed(), 2);
}

// As one behind a proxy that passes the features on and lowers versions.
TEST_F(TransactionVersions, are_of_version_1_when_the_coordinator_does_not_take_all_requests_of_2) {
  for (const auto& [api, highest] :
       {std::pair{Api::produce, 11}, std::pair{Api::init_producer_id, 4},
        std::pair{Api::end_txn, 4}, std::pair{Api::txn_offset_commit, 4}}) {
    SCOPED_TRACE(wire::name_of(api));
    limited_ = {api, static_cast<std::int16_t>(highest)};
    open(2);
    ASSERT_TRUE(commit().has_value());
    EXPECT_THAT(requests(),
                ElementsAre("AddPartitionsToTxn v2 epoch 0", "Produce v8 t/0 epoch 0 sequence 0",
                            "EndTxn v2 epoch 0 commit"));
  }
}

// A connection that is made again learns of it; the transaction under way keeps its version.
TEST_F(TransactionVersions, the_next_transaction_is_of_version_1_when_the_level_was_lowered) {
  open(2);
  ASSERT_TRUE(commit().has_value());
  cluster_->set_level(1);
  cluster_->stall(Api::end_txn);
  ASSERT_TRUE(commit().has_value());
  requests();
  ASSERT_TRUE(commit().has_value());
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(),
              ElementsAre("AddPartitionsToTxn v2 epoch 2", "Produce v8 t/0 epoch 2 sequence 0",
                          "EndTxn v2 epoch 2 commit", "AddPartitionsToTxn v2 epoch 2",
                          "Produce v8 t/0 epoch 2 sequence 2", "EndTxn v2 epoch 2 commit"));
  EXPECT_EQ(cluster_->committed(), 4);
}

// Leaders have counted the records of the old epoch.
TEST_F(TransactionVersions,
       the_next_transaction_is_of_version_2_in_a_new_epoch_when_the_level_rose) {
  open(1);
  ASSERT_TRUE(commit().has_value());
  cluster_->set_level(2);
  cluster_->fail(Api::end_txn, broker_error::moved);
  ASSERT_TRUE(commit().has_value());
  requests();
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(),
              ElementsAre("InitProducerId v5 id 7 epoch 0", "Produce v12 t/0 epoch 1 sequence 0",
                          "EndTxn v5 epoch 1 commit"));
  expect_second(2);
}

TEST_F(TransactionVersions, a_producer_that_lost_its_id_does_not_get_another_epoch) {
  open(1);
  cluster_->set_level(2);
  cluster_->fail(Api::end_txn, broker_error::moved);
  ASSERT_TRUE(commit().has_value());
  cluster_->fail(Api::init_producer_id, broker_error::fenced);
  const Status refused = commit();
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::fenced)) << refused.error().to_string();
  EXPECT_FALSE(producer_->usable());
}

// Brokers of an older release, in a cluster that was to have none.
TEST_F(TransactionVersions, of_version_2_are_refused_beside_a_broker_that_does_not_take_them) {
  for (const Api api : {Api::produce, Api::end_txn}) {
    open(2);
    cluster_->limit(api, api == Api::produce ? 11 : 4);
    // The coordinator's connection is made again, as that to a leader is made now. The transaction
    // that is under way keeps its version.
    if (api == Api::end_txn) cluster_->fail(Api::end_txn, broker_error::moved);
    const Status refused = commit();
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message(), HasSubstr("UNSUPPORTED_VERSION"));
    EXPECT_EQ(cluster_->committed(), 0);
  }
}

}  // namespace
}  // namespace millrace::log::kafka
