// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "client_producer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

// A broker that is away for so long fails what waits for it.
constexpr std::int64_t delivery_timeout_ms = 30'000;
constexpr std::int64_t transaction_timeout_ms = 60'000;

Status add_headers(rd_kafka_headers_t* headers, HeadersView view) {
  std::string_view cursor = view.encoded();
  HeaderView header;
  while (HeadersView::next(cursor, header)) {
    const rd_kafka_resp_err_t code =
        rd_kafka_header_add(headers, header.key.data(), static_cast<ssize_t>(header.key.size()),
                            header.value ? header.value->data() : nullptr,
                            header.value ? static_cast<ssize_t>(header.value->size()) : 0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(code, "adding a header"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ClientProducer>> ClientProducer::open(const ClientConfig& config,
                                                             const LogOptions& options) {
  std::unique_ptr<ClientProducer> made(new ClientProducer(config));
  MILLRACE_TRY(made->create(options, nullptr));
  return made;
}

Result<std::unique_ptr<Producer>> ClientProducer::open_transactional(
    const ClientConfig& config, const LogOptions& options, const std::string& transactional_id) {
  std::unique_ptr<ClientProducer> made(new ClientProducer(config));
  MILLRACE_TRY(made->create(options, &transactional_id));
  const std::int64_t deadline_ns = config.clock().monotonic_ns() + config.timeout_ms() * ms;
  for (;;) {
    const auto left_ms = static_cast<int>((deadline_ns - config.clock().monotonic_ns()) / ms);
    Owned<rd_kafka_error_t> error(
        rd_kafka_init_transactions(made->client_.get(), std::max(left_ms, 1)));
    if (error == nullptr) return made;
    if (rd_kafka_error_is_retriable(error.get()) != 0 && left_ms > 1) continue;
    return fail(error_of(rd_kafka_error_code(error.get()),
                         "taking the transactional id " + transactional_id + ": " +
                             rd_kafka_error_string(error.get()),
                         made->events_.last_error.text()));
  }
}

ClientProducer::~ClientProducer() {
  if (client_ == nullptr) return;
  // Payloads are not copied: nothing may be under way when their owners continue.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  topics_.clear();
  client_.reset();
}

Status ClientProducer::create(const LogOptions& options, const std::string* transactional_id) {
  const std::size_t room = std::max<std::size_t>(options.max_transaction_bytes, 4U << 20U);
  const std::size_t message = options.max_record_bytes + 1'024;
  Settings own{{"linger.ms", "5"},
               {"message.timeout.ms", std::to_string(delivery_timeout_ms)},
               {"compression.type", "none"},
               {"batch.size", "1000000"},
               {"queue.buffering.max.messages", "1000000"},
               {"retry.backoff.ms", "1"},
               {"queue.buffering.max.kbytes", std::to_string((2 * room >> 10U) + 65'536)},
               {"message.max.bytes", std::to_string(std::max<std::size_t>(message, 1U << 20U))}};
  Settings fixed{{"enable.idempotence", "true"}, {"acks", "all"}};
  if (transactional_id != nullptr) {
    own.emplace_back("transaction.timeout.ms", std::to_string(transaction_timeout_ms));
    fixed.emplace_back("transactional.id", *transactional_id);
  }
  MILLRACE_ASSIGN(client_, config_.make(RD_KAFKA_PRODUCER, own, fixed, events_));
  char value[32];
  std::size_t size = sizeof value;
  if (rd_kafka_conf_get(rd_kafka_conf(client_.get()), "socket.timeout.ms", value, &size) ==
      RD_KAFKA_CONF_OK)
    socket_timeout_ms_ = std::strtoll(value, nullptr, 10);
  return {};
}

rd_kafka_topic_t* ClientProducer::topic(const std::string& name) {
  auto& topic = topics_[name];
  if (topic == nullptr) topic.reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  return topic.get();
}

Status ClientProducer::produce(const KafkaPartition& at, const Record& record, Offset* first) {
  rd_kafka_topic_t* const where = topic(at.topic);
  if (where == nullptr) return fail(error_of(rd_kafka_last_error(), "writing to " + at.topic));
  rd_kafka_headers_t* headers = nullptr;
  if (record.headers.size() > 0) {
    headers = rd_kafka_headers_new(static_cast<std::size_t>(record.headers.size()));
    if (const Status added = add_headers(headers, record.headers); !added) {
      rd_kafka_headers_destroy(headers);
      return added;
    }
  }
  // An empty value or key is not a null one: librdkafka tells them apart by the pointer.
  static char nothing = 0;
  const auto pointer = [](const std::optional<std::string_view>& bytes) -> void* {
    if (!bytes) return nullptr;
    return bytes->empty() ? &nothing : const_cast<char*>(bytes->data());
  };
  const auto size = [](const std::optional<std::string_view>& bytes) {
    return bytes ? bytes->size() : 0;
  };
  for (bool asked_again = false;;) {
    rd_kafka_vu_t arguments[7];
    std::size_t count = 0;
    arguments[count].vtype = RD_KAFKA_VTYPE_RKT;
    arguments[count++].u.rkt = where;
    arguments[count].vtype = RD_KAFKA_VTYPE_PARTITION;
    arguments[count++].u.i32 = at.partition;
    arguments[count].vtype = RD_KAFKA_VTYPE_VALUE;
    arguments[count].u.mem.ptr = pointer(record.value);
    arguments[count++].u.mem.size = size(record.value);
    arguments[count].vtype = RD_KAFKA_VTYPE_KEY;
    arguments[count].u.mem.ptr = pointer(record.key);
    arguments[count++].u.mem.size = size(record.key);
    arguments[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    arguments[count++].u.i64 = record.timestamp_ms == 0 ? -1 : record.timestamp_ms;
    arguments[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    arguments[count++].u.ptr = first;
    if (headers != nullptr) {
      arguments[count].vtype = RD_KAFKA_VTYPE_HEADERS;
      arguments[count++].u.headers = headers;
    }
    Owned<rd_kafka_error_t> error(rd_kafka_produceva(client_.get(), arguments, count));
    if (error == nullptr) return {};
    if (rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client_.get(), 10);
      continue;
    }
    // The client refuses what it was refused once, until it hears of the topic again.
    if (rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
        !std::exchange(asked_again, true)) {
      const rd_kafka_metadata_t* metadata = nullptr;
      if (rd_kafka_metadata(client_.get(), 0, where, &metadata, config_.timeout_ms()) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        continue;
      }
    }
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    return fail(error_of(rd_kafka_error_code(error.get()), "writing to " + at.topic + "/" +
                                                               std::to_string(at.partition) + ": " +
                                                               rd_kafka_error_string(error.get())));
  }
}

Result<Offset> ClientProducer::append(const KafkaPartition& at, const Record& record) {
  return append_all(at, {&record, 1});
}

Result<Offset> ClientProducer::append_all(const KafkaPartition& at,
                                          std::span<const Record> records) {
  events_.delivery_error.reset();
  std::vector<Offset> offsets(records.size(), offset(-1));
  Status status;
  for (std::size_t i = 0; i < records.size() && status; ++i)
    status = produce(at, records[i], &offsets[i]);
  // Returns as soon as the outcome of all is known, good or bad.
  const rd_kafka_resp_err_t flushed =
      rd_kafka_flush(client_.get(), static_cast<int>(delivery_timeout_ms) + 5'000);
  const std::string doing = "appending to " + at.topic + "/" + std::to_string(at.partition);
  if (flushed != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_fatal_error(client_.get(), nullptr, 0) != 0) {
    usable_ = false;
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), 1'000);
  }
  MILLRACE_TRY(status);
  if (events_.delivery_error || flushed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const rd_kafka_resp_err_t code = events_.delivery_error.value_or(flushed);
    Error error = error_of(code, doing, events_.last_error.text());
    // A request that was sent may have been carried out.
    if (error.is(errc::unavailable)) return fail(errc::outcome_unknown, error.message());
    return fail(std::move(error));
  }
  return offsets.empty() ? offset(-1) : offsets.back();
}

// Positions go first: while the markers of the last transaction are being written, that request is
// repeated at once, but the one that adds partitions only after 20 ms (librdkafka 2.0.2).
Status ClientProducer::begin(std::span<const OutgoingPositions> positions) {
  events_.delivery_error.reset();
  began_ns_ = config_.clock().monotonic_ns();
  Owned<rd_kafka_error_t> error(rd_kafka_begin_transaction(client_.get()));
  if (error != nullptr) return failed(std::move(error), "beginning a transaction", false);
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + delivery_timeout_ms * ms;
  for (const OutgoingPositions& one : positions)
    MILLRACE_TRY(send_positions(one, deadline_ns));
  return {};
}

Status ClientProducer::add(OutgoingBatch& batch) {
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(batch.encoded, records));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Status produced = produce(batch.at, records[i], i == 0 ? &batch.first : nullptr);
    if (!produced) return abort(produced.error());
  }
  return {};
}

Status ClientProducer::send_positions(const OutgoingPositions& positions,
                                      std::int64_t deadline_ns) {
  PartitionList list(
      rd_kafka_topic_partition_list_new(static_cast<int>(positions.partitions.size())));
  for (const auto& [partition, next] : positions.partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = next.value;
  }
  // Fencing is by the transactional id: see docs/decisions/0008-tasks-on-kafka.md.
  const Owned<rd_kafka_consumer_group_metadata_t> group(
      rd_kafka_consumer_group_metadata_new(positions.group.c_str()));
  for (;;) {
    const auto left_ms = static_cast<int>((deadline_ns - config_.clock().monotonic_ns()) / ms);
    Owned<rd_kafka_error_t> error(rd_kafka_send_offsets_to_transaction(
        client_.get(), list.get(), group.get(), std::max(left_ms, 1)));
    if (error == nullptr) return {};
    if (rd_kafka_error_is_retriable(error.get()) != 0 && left_ms > 1) continue;
    return failed(std::move(error), "adding positions of group " + positions.group, false);
  }
}

Status ClientProducer::settle() {
  const rd_kafka_resp_err_t flushed =
      rd_kafka_flush(client_.get(), static_cast<int>(delivery_timeout_ms));
  char reason[512];
  if (const rd_kafka_resp_err_t code = rd_kafka_fatal_error(client_.get(), reason, sizeof reason);
      code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return failed(Owned<rd_kafka_error_t>(rd_kafka_error_new(code, "%s", reason)), "writing",
                  false);
  if (!events_.delivery_error && flushed == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return abort(
      error_of(events_.delivery_error.value_or(flushed), "writing", events_.last_error.text()));
}

Status ClientProducer::end() {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + transaction_timeout_ms * ms;
  for (;;) {
    const auto left_ms = static_cast<int>((deadline_ns - config_.clock().monotonic_ns()) / ms);
    Owned<rd_kafka_error_t> error(rd_kafka_commit_transaction(client_.get(), std::max(left_ms, 1)));
    if (error == nullptr) {
      beware_of_late_requests();
      return {};
    }
    // The same call again continues where the last one timed out.
    if (rd_kafka_error_is_retriable(error.get()) != 0 && left_ms > 1) continue;
    return failed(std::move(error), "committing", true);
  }
}

// A request that timed out was sent again over another connection; the first one may still lie in a
// broker that stood still. In the next transaction it would move positions back, or end it half
// written: the broker tells them apart by the epoch of the id alone, which stays the same for all.
void ClientProducer::beware_of_late_requests() {
  const std::int64_t took_ns = config_.clock().monotonic_ns() - began_ns_;
  if (took_ns >= socket_timeout_ms_ * ms) usable_ = false;
}

Status ClientProducer::failed(Owned<rd_kafka_error_t> error, std::string_view doing,
                              bool committing) {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
  Error cause = error_of(events_.delivery_error.value_or(code),
                         std::string(doing) + ": " + rd_kafka_error_string(error.get()),
                         events_.last_error.text());
  if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
    // The end may have been carried out before it was answered so.
    if (!try_abort() && committing) return fail(errc::outcome_unknown, cause.message());
    return fail(std::move(cause));
  }
  usable_ = false;
  // Nothing of ours may be under way when the caller reuses its memory.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), 1'000);
  // Not having been committed is sure only while the end of the transaction was not asked for.
  if (committing) return fail(errc::outcome_unknown, cause.message());
  if (cause.is(errc::fenced)) return fail(std::move(cause));
  return fail(errc::fenced, cause.message());
}

Status ClientProducer::abort(const Error& because) {
  static_cast<void>(try_abort());
  return fail(because);
}

bool ClientProducer::try_abort() {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + delivery_timeout_ms * ms;
  for (;;) {
    const auto left_ms = static_cast<int>((deadline_ns - config_.clock().monotonic_ns()) / ms);
    Owned<rd_kafka_error_t> error(rd_kafka_abort_transaction(client_.get(), std::max(left_ms, 1)));
    if (error == nullptr) {
      // The numbers of what was refused are missing now: librdkafka 2.0.2 refuses what comes next.
      if (events_.delivery_error) usable_ = false;
      beware_of_late_requests();
      return true;
    }
    if (rd_kafka_error_is_retriable(error.get()) != 0 && left_ms > 1) continue;
    // The next one to take the id ends it.
    usable_ = false;
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), 1'000);
    return false;
  }
}

}  // namespace millrace::log::kafka
