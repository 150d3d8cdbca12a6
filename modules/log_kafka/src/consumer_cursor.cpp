// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "consumer_cursor.hpp"

#include <algorithm>

#include "millrace/base/byte_writer.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::size_t messages_at_once = 1'000;

std::size_t bytes_of(const rd_kafka_message_t& message) { return message.len + message.key_len; }

/// Appends the headers in the form of HeadersView and returns their number.
std::int32_t append_headers(const rd_kafka_message_t& message, std::string& out) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  ByteWriter writer(out);
  std::int32_t count = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (rd_kafka_header_get_all(headers, static_cast<std::size_t>(count), &name, &value, &size) ==
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    writer.varint_text<std::int64_t>(name);
    writer.varint(value == nullptr ? -1 : static_cast<std::int64_t>(size));
    if (value != nullptr) writer.bytes({static_cast<const char*>(value), size});
    ++count;
  }
  return count;
}

/// Where the parts of a record lie in the buffer while that still grows.
struct Layout {
  std::size_t key, value, headers, headers_end;
  std::int32_t header_count;
};

}  // namespace

ConsumerCursor::ConsumerCursor(rd_kafka_t* client, rd_kafka_topic_t* topic,
                               KafkaPartition partition, Signal& raised)
    : Cursor(std::move(partition)), client_(client), topic_(topic), signal_(raised) {}

ConsumerCursor::~ConsumerCursor() { stop(); }

void ConsumerCursor::stop() {
  if (!started_) return;
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  rd_kafka_consume_stop(topic_, at.partition);
  waiting_.clear();
  waiting_bytes_ = 0;
  queue_.reset();
  started_ = false;
}

Status ConsumerCursor::begin(Offset from) {
  stop();
  error.reset();
  eof_ = Offset{};
  end_asked = false;
  known_end = 0;
  next = from;
  if (from.value < 0) return {};  // refused when its end is asked
  queue_.reset(rd_kafka_queue_new(client_));
  news_ = true;
  rd_kafka_queue_cb_event_enable(
      queue_.get(),
      [](rd_kafka_t* /*client*/, void* opaque) {
        auto* const self = static_cast<ConsumerCursor*>(opaque);
        self->news_ = true;
        self->signal_.raise();
      },
      this);
  if (rd_kafka_consume_start_queue(topic_, at.partition, from.value, queue_.get()) != 0)
    return fail(error_of(rd_kafka_last_error(),
                         "reading " + at.topic + "/" + std::to_string(at.partition)));
  started_ = true;
  return {};
}

void ConsumerCursor::pull(std::size_t max_bytes) {
  if (!started_) return;
  rd_kafka_message_t* messages[messages_at_once];
  while (!error && (waiting_.empty() || waiting_bytes_ < max_bytes) && news_.exchange(false)) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, messages, messages_at_once);
    for (ssize_t i = 0; i < count; ++i)
      take(MessagePtr(messages[i]));
    // There may be more, of which the queue does not tell again.
    if (count > 0) news_ = true;
  }
}

void ConsumerCursor::take(MessagePtr message) {
  switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      waiting_bytes_ += bytes_of(*message);
      waiting_.push_back(std::move(message));
      return;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      eof_ = offset(message->offset);
      heard_of(eof_);
      step_over_markers();
      return;
    default:
      if (!is_passing(message->err)) error = message->err;
  }
}

// What lies between the last record and the end are transaction markers.
void ConsumerCursor::step_over_markers() {
  if (waiting_.empty() && eof_ > next.load()) next = eof_;
}

Status ConsumerCursor::answer(std::size_t max_bytes, FetchBuffer& buffer) {
  std::vector<Layout> layouts;
  std::size_t taken = 0;
  std::size_t bytes = 0;
  while (taken < waiting_.size()) {
    const rd_kafka_message_t& message = *waiting_[taken];
    if (taken > 0 && bytes + bytes_of(message) > max_bytes) break;
    bytes += bytes_of(message);
    ++taken;
  }
  layouts.reserve(taken);
  buffer.records.resize(taken);
  for (std::size_t i = 0; i < taken; ++i) {
    const rd_kafka_message_t& message = *waiting_[i];
    Layout layout{buffer.bytes.size(), 0, 0, 0, 0};
    buffer.bytes.append(static_cast<const char*>(message.key), message.key_len);
    layout.value = buffer.bytes.size();
    buffer.bytes.append(static_cast<const char*>(message.payload), message.len);
    layout.headers = buffer.bytes.size();
    layout.header_count = append_headers(message, buffer.bytes);
    layout.headers_end = buffer.bytes.size();
    layouts.push_back(layout);
  }
  const std::string_view all = buffer.bytes;
  for (std::size_t i = 0; i < taken; ++i) {
    const rd_kafka_message_t& message = *waiting_[i];
    const Layout& layout = layouts[i];
    RecordView& record = buffer.records[i];
    record = {};
    record.offset = offset(message.offset);
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // 0 is written as Kafka's "none": librdkafka takes it for "now".
    record.timestamp_ms = rd_kafka_message_timestamp(&message, &type);
    if (record.timestamp_ms == -1) record.timestamp_ms = 0;
    if (message.key != nullptr) record.key = all.substr(layout.key, message.key_len);
    if (message.payload != nullptr) record.value = all.substr(layout.value, message.len);
    record.headers = {all.substr(layout.headers, layout.headers_end - layout.headers),
                      layout.header_count};
  }
  if (taken > 0) {
    next = offset(waiting_[taken - 1]->offset).next();
    buffer.batches.push_back({{}, 0, taken});
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(taken));
    waiting_bytes_ -= bytes;
    heard_of(next);
    step_over_markers();
  }
  buffer.next = next;
  buffer.end = std::max(next.load(), offset(known_end));
  return {};
}

ConsumerClient::~ConsumerClient() {
  drop_all();
  topics_.clear();
}

Result<std::shared_ptr<Reader::Cursor>> ConsumerClient::make(const KafkaPartition& at) {
  auto& topic = topics_[at.topic];
  if (topic == nullptr) topic.reset(rd_kafka_topic_new(client_.get(), at.topic.c_str(), nullptr));
  if (topic == nullptr) return fail(error_of(rd_kafka_last_error(), "reading " + at.topic));
  return std::make_shared<ConsumerCursor>(client_.get(), topic.get(), at, signal_);
}

}  // namespace millrace::log::kafka
