// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "client_producer.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

// A broker that is away for so long fails what waits for it.
constexpr std::int64_t delivery_timeout_ms = 30'000;

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
  MILLRACE_TRY(made->create(options));
  return made;
}

ClientProducer::~ClientProducer() {
  if (client_ == nullptr) return;
  // Payloads are not copied: nothing may be under way when their owners continue.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  topics_.clear();
  client_.reset();
}

Status ClientProducer::create(const LogOptions& options) {
  const std::size_t room = std::max<std::size_t>(options.max_transaction_bytes, 4U << 20U);
  const std::size_t message = options.max_record_bytes + 1'024;
  const Settings own{
      {"linger.ms", "5"},
      {"message.timeout.ms", std::to_string(delivery_timeout_ms)},
      {"compression.type", "none"},
      {"batch.size", "1000000"},
      {"queue.buffering.max.messages", "1000000"},
      {"retry.backoff.ms", "1"},
      {"queue.buffering.max.kbytes", std::to_string((2 * room >> 10U) + 65'536)},
      {"message.max.bytes", std::to_string(std::max<std::size_t>(message, 1U << 20U))}};
  const Settings fixed{{"enable.idempotence", "true"}, {"acks", "all"}};
  MILLRACE_ASSIGN(client_, config_.make(RD_KAFKA_PRODUCER, own, fixed, events_));
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
    // The client refuses what it was refused once, and partitions that were added since it asked,
    // until it hears of the topic again.
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    const bool may_be_old = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                            code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    if (may_be_old && !std::exchange(asked_again, true)) {
      const rd_kafka_metadata_t* metadata = nullptr;
      if (rd_kafka_metadata(client_.get(), 0, where, &metadata, config_.timeout_ms()) ==
          RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        continue;
      }
    }
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    return fail(error_of(code, "writing to " + at.topic + "/" + std::to_string(at.partition) +
                                   ": " + rd_kafka_error_string(error.get())));
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

}  // namespace millrace::log::kafka
