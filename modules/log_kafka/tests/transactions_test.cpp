// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Transactions with a cluster that keeps the broker's rules and does what a test says.
#include "transactions_world.hpp"

#include "listener.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::Api;

TEST_F(TransactionsTest, of_version_2_add_nothing_first_and_have_an_epoch_each) {
  open(2);
  EXPECT_THAT(cluster_->requests(), ElementsAre("InitProducerId v1"));
  ASSERT_TRUE(commit(true).has_value());
  EXPECT_THAT(requests(), testing::UnorderedElementsAre("Produce v12 t/0 epoch 0 sequence 0",
                                                        "TxnOffsetCommit v5 epoch 0",
                                                        "EndTxn v5 epoch 0 commit"));
  expect_second(1);
  expect_second(2);
  EXPECT_EQ(cluster_->committed(), 3);
}

// The coordinator says at once whether the markers of the one before are written, a leader does
// not.
TEST_F(TransactionsTest, of_version_2_that_follow_at_once_are_announced_to_the_coordinator) {
  open(2);
  clock_.stop();
  ASSERT_TRUE(commit_at_once().has_value());
  ASSERT_TRUE(commit_at_once(true).has_value());
  EXPECT_THAT(requests(), testing::UnorderedElementsAre(
                              "Produce v12 t/0 epoch 0 sequence 0", "EndTxn v5 epoch 0 commit",
                              "AddOffsetsToTxn v2", "AddPartitionsToTxn v2 epoch 1",
                              "Produce v12 t/0 epoch 1 sequence 0", "TxnOffsetCommit v5 epoch 1",
                              "EndTxn v5 epoch 1 commit"));
  EXPECT_EQ(cluster_->committed(), 2);
}

TEST_F(TransactionsTest, without_anything_in_them_ask_nothing) {
  open(2);
  ASSERT_TRUE(producer_->commit({}, {}).has_value());
  EXPECT_THAT(requests(), ElementsAre());
  expect_second(0);
}

TEST_F(TransactionsTest, that_only_move_positions_are_ended_too) {
  open(2);
  cluster_->fail(Api::end_txn, broker_error::concurrent);
  ASSERT_TRUE(commit_positions().has_value());
  EXPECT_THAT(requests(), ElementsAre("TxnOffsetCommit v5 epoch 0", "EndTxn v5 epoch 0 commit",
                                      "EndTxn v5 epoch 0 commit"));
}

// The broker carried it out and says so again, with the epoch that it gave.
TEST_F(TransactionsTest, an_end_whose_response_is_lost_is_asked_for_again_with_its_epoch) {
  open(2);
  cluster_->stall(Api::end_txn);
  const Status committed = commit();
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_THAT(requests(), ElementsAre("Produce v12 t/0 epoch 0 sequence 0",
                                      "EndTxn v5 epoch 0 commit", "EndTxn v5 epoch 0 commit"));
  EXPECT_TRUE(producer_->usable());
  expect_second(1);
  EXPECT_EQ(cluster_->committed(), 2);
}

// A late request of the transaction could not harm the next one: see KafkaLateRequests.
TEST_F(TransactionsTest, a_producer_of_version_1_is_given_up_after_a_response_was_late) {
  open(1);
  cluster_->stall(Api::end_txn);
  ASSERT_TRUE(commit().has_value());
  EXPECT_FALSE(producer_->usable());
}

TEST_F(TransactionsTest, an_end_whose_response_cannot_be_read_has_an_unknown_outcome) {
  for (const std::int16_t level : {1, 2}) {
    SCOPED_TRACE(level);
    open(level);
    cluster_->garble(Api::end_txn);
    const Status committed = commit();
    ASSERT_FALSE(committed.has_value());
    EXPECT_TRUE(committed.error().is(errc::outcome_unknown)) << committed.error().to_string();
    EXPECT_FALSE(producer_->usable());
    EXPECT_EQ(cluster_->committed(), 1);
  }
}

TEST_F(TransactionsTest, an_end_that_a_moved_coordinator_refuses_is_asked_of_the_next_one) {
  open(2);
  cluster_->fail(Api::end_txn, broker_error::moved);
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(), ElementsAre("Produce v12 t/0 epoch 0 sequence 0",
                                      "EndTxn v5 epoch 0 commit", "EndTxn v5 epoch 0 commit"));
  expect_second(1);
}

// Of all errors that end a transaction and not its producer.
TEST_F(TransactionsTest, of_version_2_that_are_refused_are_aborted_and_the_producer_continues) {
  for (const std::int16_t error :
       {broker_error::abortable, broker_error::out_of_order, broker_error::not_authorized}) {
    SCOPED_TRACE(error);
    open(2);
    cluster_->fail(Api::produce, error);
    const Status refused = commit();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().is(errc::unavailable), error == broker_error::abortable)
        << refused.error().to_string();
    requests();
    EXPECT_TRUE(producer_->usable());
    expect_second(1);
    EXPECT_EQ(cluster_->committed(), 1);
  }
}

// The broker knows nothing of this transaction: what it never saw is refused by its epoch too.
TEST_F(TransactionsTest, of_version_2_of_which_nothing_was_written_are_aborted_all_the_same) {
  open(2);
  cluster_->fail(Api::produce, broker_error::not_authorized);
  ASSERT_FALSE(commit().has_value());
  EXPECT_THAT(requests(),
              ElementsAre("Produce v12 t/0 epoch 0 sequence 0", "EndTxn v5 epoch 0 abort"));
  expect_second(1);
}

TEST_F(TransactionsTest, an_abort_whose_response_is_lost_is_asked_for_again_with_its_epoch) {
  open(2);
  cluster_->fail(Api::txn_offset_commit, broker_error::abortable);
  cluster_->stall(Api::end_txn);
  ASSERT_FALSE(commit_positions().has_value());
  EXPECT_TRUE(producer_->usable());
  EXPECT_THAT(requests(), ElementsAre("TxnOffsetCommit v5 epoch 0", "EndTxn v5 epoch 0 abort",
                                      "EndTxn v5 epoch 0 abort"));
  expect_second(1);
  EXPECT_EQ(cluster_->committed(), 1);
}

TEST_F(TransactionsTest, an_end_that_is_to_be_an_abort_commits_nothing_and_the_producer_continues) {
  open(2);
  cluster_->fail(Api::end_txn, broker_error::abortable);
  const Status refused = commit();
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::unavailable)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("TRANSACTION_ABORTABLE"));
  requests();
  expect_second(1);
  EXPECT_EQ(cluster_->committed(), 1);
}

TEST_F(TransactionsTest, of_a_producer_that_was_fenced_end_it) {
  const auto expect_end = [&](Api api, std::int16_t error) {
    SCOPED_TRACE(error);
    open(2);
    cluster_->fail(api, error);
    const Status refused = commit();
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::fenced)) << refused.error().to_string();
    EXPECT_FALSE(producer_->usable());
    EXPECT_EQ(cluster_->committed(), 0);
  };
  expect_end(Api::end_txn, broker_error::fenced);
  expect_end(Api::produce, broker_error::bad_epoch);
}

// The response was lost, and another one took the id before it was asked for again.
TEST_F(TransactionsTest, an_end_that_is_refused_after_a_response_was_lost_has_an_unknown_outcome) {
  open(2);
  cluster_->stall(Api::end_txn);
  cluster_->fail(Api::end_txn, broker_error::fenced);
  const Status refused = commit();
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::outcome_unknown)) << refused.error().to_string();
  EXPECT_FALSE(producer_->usable());
}

TEST_F(TransactionsTest, a_batch_waits_until_the_markers_of_the_one_before_are_written) {
  open(2);
  cluster_->fail(Api::produce, broker_error::concurrent);
  ASSERT_TRUE(commit().has_value());
  EXPECT_THAT(requests(),
              ElementsAre("Produce v12 t/0 epoch 0 sequence 0",
                          "Produce v12 t/0 epoch 0 sequence 0", "EndTxn v5 epoch 0 commit"));
}

// Its connection breaks, or says nothing, before anything was sent.
TEST_F(TransactionsTest, a_leader_that_cannot_be_spoken_to_is_asked_for_again) {
  for (const std::int16_t level : {1, 2}) {
    SCOPED_TRACE(level);
    const net::Unserved silent(false);
    const std::int32_t closed = net::Unserved(false).address().port;
    for (const std::int32_t port : {closed, silent.address().port}) {
      open(level);
      cluster_->misname_leader(port);
      const Status committed = commit();
      ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
      EXPECT_EQ(cluster_->committed(), 1);
      EXPECT_GE(cluster_->asked_for_leaders(), 2);
      EXPECT_LE(cluster_->asked_for_leaders(), 10);
    }
  }
}

TEST_F(TransactionsTest, what_a_broker_says_of_a_batch_is_in_the_error) {
  for (const std::int16_t level : {1, 2}) {
    open(level);
    cluster_->fail(Api::produce, broker_error::no_key,
                   "Compacted topic cannot accept message without key");
    const Status refused = commit();
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::record_refused)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(),
                HasSubstr("the broker says: Compacted topic cannot accept message without key"));
  }
}

}  // namespace
}  // namespace millrace::log::kafka
