// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/transactional_producer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "millrace/log/errors.hpp"
#include "units.hpp"
#include "wire/producer_errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

// A topic that is there may be unknown to a broker for so long.
constexpr std::int64_t news_ns = 5'000 * ms;
// What is under way when a transaction is given up is waited for so long.
constexpr std::int64_t silence_ns = 2'000 * ms;
// For so long after an end its markers may be still to be written.
constexpr std::int64_t markers_ns = 50 * ms;
// The last epoch of a producer id. A transaction in it cannot be fenced by all brokers of 4.x
// (KAFKA-19367, KAFKA-20090).
constexpr std::int16_t last_epoch = 32'766;
// The level of the feature `transaction.version` from which on transactions are of version 2.
constexpr std::int16_t second_version = 2;

/// What the user set, as far as it makes sense.
std::int64_t number(const ClientConfig& config, const char* setting, std::int64_t otherwise,
                    std::int64_t most) {
  const std::int64_t set = config.number(setting, otherwise);
  return set <= 0 ? otherwise : std::min(set, most);
}

std::optional<PartitionError> read_one(std::string_view body) {
  const std::optional<Code> code = read_single_error(body);
  if (!code) return std::nullopt;
  return PartitionError{*code, {}, {}};
}

}  // namespace

TransactionalProducer::TransactionalProducer(const ClientConfig& config,
                                             std::string transactional_id)
    : config_(config),
      retry_policy_(RetryPolicy::of(config)),
      delivery_ns_(number(config, "message.timeout.ms", 30'000, 3'600'000) * ms),
      transaction_timeout_ms_(static_cast<std::int32_t>(
          number(config, "transaction.timeout.ms", 60'000, 24 * 3'600'000))),
      producer_{std::move(transactional_id), {}, false},
      coordinator_(*config.cluster(), config.client_id(), producer_.transactional_id,
                   CoordinatorKind::transaction, retry_policy_),
      writer_(*config.cluster(), config.client_id(), retry_policy_,
              static_cast<std::size_t>(number(config, "batch.size", 1'000'000, 64 << 20)),
              config.compression()) {}

Result<std::unique_ptr<Producer>> TransactionalProducer::open(const ClientConfig& config,
                                                              const std::string& transactional_id) {
  std::unique_ptr<TransactionalProducer> made(new TransactionalProducer(config, transactional_id));
  MILLRACE_TRY(made->take_id(config.clock().monotonic_ns() + config.timeout_ms() * ms));
  made->producer_.second = made->coordinator_.transactions() >= second_version;
  return made;
}

Status TransactionalProducer::take_id(std::int64_t deadline_ns) {
  return ask_id(init_version, init_producer(producer_.transactional_id, transaction_timeout_ms_),
                deadline_ns);
}

Status TransactionalProducer::ask_id(std::int16_t version, std::string body,
                                     std::int64_t deadline_ns) {
  const std::string doing = "taking the transactional id " + producer_.transactional_id;
  coordinator_.ask(Api::init_producer_id, version, std::move(body),
                   receiver(doing, [version](std::string_view response) {
                     return read_init_producer(response, version);
                   }));
  const Status taken = run(deadline_ns, doing);
  if (taken && !refusal_) return {};
  usable_ = false;
  Error why = taken ? error_of(refusal_->code, refusal_->doing) : taken.error();
  drop();
  return fail(std::move(why));
}

ResponseOutcome TransactionalProducer::outcome_of(Code code, std::string doing) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return ResponseOutcome::done;
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED:
      return ResponseOutcome::elsewhere;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      if (config_.clock().monotonic_ns() - began_ns_ < news_ns) return ResponseOutcome::again;
      break;
    default:
      if (is_passing(code)) return ResponseOutcome::again;
  }
  if (!refusal_) refusal_ = Refusal{code, std::move(doing), {}};
  return ResponseOutcome::done;
}

CoordinatorLink::ResponseHandler TransactionalProducer::receiver(std::string doing,
                                                                 ReadGiven read) {
  return
      [this, doing = std::move(doing), read = std::move(read)](Code error, std::string_view body) {
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return outcome_of(error, doing);
        const std::optional<GivenProducer> given = read(body);
        if (!given) return outcome_of(RD_KAFKA_RESP_ERR__BAD_MSG, doing);
        if (given->error == RD_KAFKA_RESP_ERR_NO_ERROR) {
          // In an epoch that was used leaders would take new batches for repeated ones.
          if (given->producer.id == producer_.producer.id &&
              given->producer.epoch <= producer_.producer.epoch)
            return outcome_of(RD_KAFKA_RESP_ERR__BAD_MSG, doing);
          producer_.producer = given->producer;
          writer_.begin_epoch();
        }
        return outcome_of(given->error, doing);
      };
}

CoordinatorLink::ResponseHandler TransactionalProducer::handler(std::string doing, ReadCode read) {
  return [this, doing = std::move(doing), read](Code error, std::string_view body) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return outcome_of(error, doing);
    const std::optional<PartitionError> answer = read(body);
    if (!answer) return outcome_of(RD_KAFKA_RESP_ERR__BAD_MSG, doing);
    return outcome_of(answer->error, answer->at.topic.empty()
                                         ? doing
                                         : doing + ": " + answer->at.topic + "/" +
                                               std::to_string(answer->at.partition));
  };
}

Status TransactionalProducer::begin(std::span<const OutgoingPositions> positions) {
  began_ns_ = config_.clock().monotonic_ns();
  announced_ = false;
  announced_partitions_.clear();
  new_partitions_.clear();
  positions_.assign(positions.begin(), positions.end());
  writer_.clear_names();
  return choose_version();
}

// A cluster may change its level at any time; a transaction keeps the version it began with. Each
// end of version 2 leaves an epoch that nobody used. That of version 1 was used by the transactions
// before, and the leaders count on. For the last epoch the broker gives another id.
Status TransactionalProducer::choose_version() {
  const bool second = coordinator_.transactions() >= second_version;
  const bool used_up = producer_.second && producer_.producer.epoch >= last_epoch;
  if (used_up || (second && !producer_.second)) {
    MILLRACE_TRY(ask_id(renew_version, renew_producer(producer_, transaction_timeout_ms_),
                        began_ns_ + delivery_ns_));
  }
  producer_.second = second;
  return {};
}

Status TransactionalProducer::add(OutgoingBatch& batch) {
  if (batch.count == 0) return {};
  if (!announced_partitions_.contains(batch.at)) new_partitions_.insert(batch.at);
  writer_.add(batch);
  return {};
}

Status TransactionalProducer::settle() {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + delivery_ns_;
  const bool announces = !producer_.second || may_have_to_wait();
  if (producer_.second) announced_ = announced_ || !writer_.is_done() || !positions_.empty();
  if (announces) {
    announce();
    if (const Status added = run(deadline_ns, "adding partitions to a transaction"); !added)
      return abort(added.error());
    if (refusal_) return refused();
  }
  ask_positions();
  if (const Status written = run(deadline_ns, "writing"); !written) return abort(written.error());
  return refused();
}

// Until the markers of the transaction before are written, a leader that is to add a partition asks
// the coordinator again after 20 ms. We ask it after 1 ms.
bool TransactionalProducer::may_have_to_wait() const {
  return !announced_ && ended_ns_ && began_ns_ - *ended_ns_ < markers_ns;
}

// Both are asked of the coordinator in one go.
void TransactionalProducer::announce() {
  writer_.stop();
  for (const OutgoingPositions& one : positions_) {
    coordinator_.ask(
        Api::add_offsets_to_txn, add_group(producer_, one.group),
        announcing("adding positions of " + one.group + " to a transaction", read_one));
  }
  if (!new_partitions_.empty()) {
    const std::vector<KafkaPartition> partitions(new_partitions_.begin(), new_partitions_.end());
    coordinator_.ask(Api::add_partitions_to_txn, add_partitions(producer_, partitions),
                     announcing("adding partitions to a transaction", read_partition_errors));
    announced_partitions_.merge(new_partitions_);
    new_partitions_.clear();
  }
}

// What was refused as a whole leaves nothing to end.
CoordinatorLink::ResponseHandler TransactionalProducer::announcing(std::string doing,
                                                                   ReadCode read) {
  return [this, handle = handler(std::move(doing), read)](Code error, std::string_view body) {
    const ResponseOutcome outcome = handle(error, body);
    announced_ = announced_ || (outcome == ResponseOutcome::done && !refusal_);
    return outcome;
  };
}

CoordinatorLink& TransactionalProducer::group_link(const std::string& group) {
  return groups_
      .try_emplace(group, *config_.cluster(), config_.client_id(), group, CoordinatorKind::group,
                   retry_policy_)
      .first->second;
}

void TransactionalProducer::ask_positions() {
  writer_.resume();
  for (const OutgoingPositions& one : std::exchange(positions_, {})) {
    std::vector<std::pair<KafkaPartition, std::int64_t>> partitions;
    for (const auto& [partition, next] : one.partitions)
      partitions.emplace_back(partition, next.value);
    std::sort(partitions.begin(), partitions.end());
    group_link(one.group).ask(
        Api::txn_offset_commit, producer_.version(Api::txn_offset_commit),
        commit_positions(producer_, one.group, partitions),
        handler("writing positions of " + one.group,
                producer_.second ? read_flexible_errors : read_partition_errors));
  }
}

Status TransactionalProducer::end() {
  // What was added since it was settled.
  if (!writer_.is_done()) MILLRACE_TRY(settle());
  if (!announced_) return {};
  ask_end(true);
  const std::int64_t deadline_ns =
      config_.clock().monotonic_ns() + std::int64_t{transaction_timeout_ms_} * ms;
  const Status ended = run(deadline_ns, "committing");
  if (ended && !refusal_) {
    drop();
    note_end();
    return {};
  }
  const Code code = ended ? refusal_->code : RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool unsure = !ended || coordinator_.lost_one() || code == RD_KAFKA_RESP_ERR__BAD_MSG;
  Error why = ended ? error_of(code, refusal_->doing) : ended.error();
  if (!unsure && code == transaction_abortable) return abort(std::move(why));
  usable_ = false;
  drop();
  // Whose only try was refused knows that nothing was committed.
  if (unsure) return fail(errc::outcome_unknown, why.message());
  if (why.is(errc::fenced) || why.is(errc::not_authorized)) return fail(std::move(why));
  return fail(errc::fenced, why.message());
}

// Of version 2, the response has the epoch of the next transaction, also that to a repeated
// request.
void TransactionalProducer::ask_end(bool commit) {
  const char* const doing = commit ? "committing" : "aborting";
  coordinator_.ask(Api::end_txn, producer_.version(Api::end_txn),
                   end_transaction(producer_, commit),
                   producer_.second ? receiver(doing, read_ended) : handler(doing, read_one));
}

// A request that timed out was sent again over another connection; the first one may still lie in a
// broker that stood still. In the next transaction it would move positions back, or end it half
// written: the broker tells them apart by the epoch of the id alone, which in version 1 stays the
// same for all.
void TransactionalProducer::note_end() {
  ended_ns_ = config_.clock().monotonic_ns();
  if (!producer_.second && *ended_ns_ - began_ns_ >= retry_policy_.answer_ns) usable_ = false;
}

Status TransactionalProducer::run(std::int64_t deadline_ns, std::string_view doing) {
  for (;;) {
    const std::int64_t now_ns = config_.clock().monotonic_ns();
    turn(now_ns);
    if (refusal_ || writer_.refused() || is_done()) return {};
    if (now_ns >= deadline_ns) {
      const std::string why = trouble();
      return fail(errc::unavailable,
                  std::string(doing) + ": no answer in time" + (why.empty() ? "" : "; " + why));
    }
    wait(now_ns, deadline_ns);
  }
}

void TransactionalProducer::turn(std::int64_t now_ns) {
  coordinator_.turn(now_ns);
  for (auto& [name, link] : groups_)
    link.turn(now_ns);
  writer_.turn(producer_, now_ns);
}

void TransactionalProducer::wait(std::int64_t now_ns, std::int64_t deadline_ns) {
  std::vector<Connection*> connections;
  std::int64_t due_ns = std::min(deadline_ns, coordinator_.due_ns(now_ns));
  if (coordinator_.connection() != nullptr) connections.push_back(coordinator_.connection());
  for (const auto& [name, link] : groups_) {
    due_ns = std::min(due_ns, link.due_ns(now_ns));
    if (link.connection() != nullptr) connections.push_back(link.connection());
  }
  writer_.collect(connections);
  advance_all(connections, -1, std::min(due_ns, writer_.due_ns(now_ns)), config_.clock());
}

bool TransactionalProducer::is_done() const {
  return coordinator_.is_done() && writer_.is_at_rest() &&
         std::all_of(groups_.begin(), groups_.end(),
                     [](const auto& group) { return group.second.is_done(); });
}

bool TransactionalProducer::is_waiting() const {
  return coordinator_.is_waiting() || writer_.is_waiting() ||
         std::any_of(groups_.begin(), groups_.end(),
                     [](const auto& group) { return group.second.is_waiting(); });
}

std::string TransactionalProducer::trouble() const {
  if (!coordinator_.is_done()) return coordinator_.trouble();
  for (const auto& [name, link] : groups_) {
    if (!link.is_done()) return link.trouble();
  }
  return writer_.trouble();
}

/// Nothing when nothing was refused. A transaction that can still be ended is.
Status TransactionalProducer::refused() {
  if (!refusal_ && writer_.refused()) {
    const PartitionError& one = *writer_.refused();
    refusal_ =
        Refusal{one.error, "writing to " + one.at.topic + "/" + std::to_string(one.at.partition),
                one.message.empty() ? "" : "; the broker says: " + one.message};
  }
  if (!refusal_) return {};
  const Code code = refusal_->code;
  Error why = error_of(code, refusal_->doing, refusal_->detail);
  if (lost_count(code) && !producer_.second) usable_ = false;
  if (!ends_producer(code)) return abort(std::move(why));
  usable_ = false;
  drop();
  if (why.is(errc::fenced) || why.is(errc::not_authorized)) return fail(std::move(why));
  return fail(errc::fenced, why.message());
}

// As long as a request is under way that could be carried out after the end, the end of version 1
// is made by taking the id again: what carries the old epoch is refused from then on. That of
// version 2 does so always, also when the coordinator knows nothing of the transaction.
Status TransactionalProducer::abort(Error because) {
  const bool silent = producer_.second || fall_silent();
  drop();
  if (std::exchange(announced_, false) || !silent) {
    const std::int64_t deadline_ns = config_.clock().monotonic_ns() + delivery_ns_;
    if (silent) {
      ask_end(false);
      if (!run(deadline_ns, "aborting") || refusal_) usable_ = false;
      note_end();
    } else {
      usable_ = false;
      static_cast<void>(take_id(deadline_ns));
    }
  }
  drop();
  return fail(std::move(because));
}

/// Waits a while for what is under way; false when something may be left.
bool TransactionalProducer::fall_silent() {
  coordinator_.stop();
  writer_.stop();
  for (auto& [name, link] : groups_)
    link.stop();
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + silence_ns;
  for (;;) {
    const std::int64_t now_ns = config_.clock().monotonic_ns();
    turn(now_ns);
    if (!is_waiting() || now_ns >= deadline_ns) break;
    wait(now_ns, deadline_ns);
  }
  return !is_waiting() && !writer_.is_unsure() && !coordinator_.lost_one() &&
         std::none_of(groups_.begin(), groups_.end(),
                      [](const auto& group) { return group.second.lost_one(); });
}

void TransactionalProducer::drop() {
  coordinator_.drop();
  writer_.drop();
  for (auto& [name, link] : groups_)
    link.drop();
  positions_.clear();
  new_partitions_.clear();
  refusal_.reset();
}

}  // namespace millrace::log::kafka::wire
