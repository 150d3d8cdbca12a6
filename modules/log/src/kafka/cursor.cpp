// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka/cursor.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "varint.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::size_t messages_at_once = 1'000;

std::size_t bytes_of(const rd_kafka_message_t& message) { return message.len + message.key_len; }

void append_varint(std::string& out, std::int64_t value) {
  char room[10];
  out.append(room, write_varint(room, value));
}

/// Appends the headers in the form of HeadersView and answers their number.
std::int32_t append_headers(const rd_kafka_message_t& message, std::string& out) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  std::int32_t count = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (rd_kafka_header_get_all(headers, static_cast<std::size_t>(count), &name, &value, &size) ==
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string_view text(name);
    append_varint(out, static_cast<std::int64_t>(text.size()));
    out.append(text);
    append_varint(out, value == nullptr ? -1 : static_cast<std::int64_t>(size));
    if (value != nullptr) out.append(static_cast<const char*>(value), size);
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

Reader::Cursor::Cursor(rd_kafka_t* client, rd_kafka_topic_t* topic, KafkaPlace place,
                       Signal& raised)
    : at(std::move(place)), client_(client), topic_(topic), signal_(raised) {}

Reader::Cursor::~Cursor() { stop(); }

void Reader::Cursor::stop() {
  if (!started_) return;
  rd_kafka_queue_cb_event_enable(queue_.get(), nullptr, nullptr);
  rd_kafka_consume_stop(topic_, at.partition);
  waiting.clear();
  waiting_bytes = 0;
  queue_.reset();
  started_ = false;
}

Status Reader::Cursor::begin(Offset from) {
  stop();
  error.reset();
  eof_ = Offset{};
  end_asked = false;
  next = from;
  if (from.value < 0) return {};  // refused when its end is asked
  queue_.reset(rd_kafka_queue_new(client_));
  news_ = true;
  rd_kafka_queue_cb_event_enable(
      queue_.get(),
      [](rd_kafka_t* /*client*/, void* opaque) {
        auto* const self = static_cast<Cursor*>(opaque);
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

void Reader::Cursor::pull(std::size_t max_bytes) {
  if (!started_) return;
  rd_kafka_message_t* messages[messages_at_once];
  while (!error && (waiting.empty() || waiting_bytes < max_bytes) && news_.exchange(false)) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, messages, messages_at_once);
    for (ssize_t i = 0; i < count; ++i)
      take(MessagePtr(messages[i]));
    // There may be more, of which the queue does not tell again.
    if (count > 0) news_ = true;
  }
}

void Reader::Cursor::take(MessagePtr message) {
  switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      waiting_bytes += bytes_of(*message);
      waiting.push_back(std::move(message));
      return;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      eof_ = offset(message->offset);
      heard_of(eof_);
      step_over_marks();
      return;
    default:
      if (!is_passing(message->err)) error = message->err;
  }
}

// What lies between the last record and the end are marks of transactions.
void Reader::Cursor::step_over_marks() {
  if (waiting.empty() && eof_ > next.load()) next = eof_;
}

void Reader::Cursor::heard_of(Offset end) {
  std::int64_t known = known_end;
  while (known < end.value && !known_end.compare_exchange_weak(known, end.value)) {
  }
}

void Reader::Cursor::answer(std::size_t max_bytes, FetchBuffer& buffer) {
  std::vector<Layout> layouts;
  std::size_t taken = 0;
  std::size_t bytes = 0;
  while (taken < waiting.size()) {
    const rd_kafka_message_t& message = *waiting[taken];
    if (taken > 0 && bytes + bytes_of(message) > max_bytes) break;
    bytes += bytes_of(message);
    ++taken;
  }
  layouts.reserve(taken);
  buffer.records.resize(taken);
  for (std::size_t i = 0; i < taken; ++i) {
    const rd_kafka_message_t& message = *waiting[i];
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
    const rd_kafka_message_t& message = *waiting[i];
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
    next = offset(waiting[taken - 1]->offset).next();
    buffer.batches.push_back({{}, 0, taken});
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(taken));
    waiting_bytes -= bytes;
    heard_of(next);
    step_over_marks();
  }
  buffer.next = next;
  buffer.end = std::max(next.load(), offset(known_end));
}

Reader::Lane::~Lane() {
  cursors_.clear();
  topics_.clear();
}

std::shared_ptr<Reader::Cursor> Reader::Lane::find(TopicPartition place) const {
  const auto found = cursors_.find(place);
  return found == cursors_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Reader::Cursor>> Reader::Lane::add(TopicPartition place,
                                                          const KafkaPlace& at, Signal& signal) {
  auto& topic = topics_[at.topic];
  if (topic == nullptr) topic.reset(rd_kafka_topic_new(client_.get(), at.topic.c_str(), nullptr));
  if (topic == nullptr) return fail(error_of(rd_kafka_last_error(), "reading " + at.topic));
  auto made = std::make_shared<Cursor>(client_.get(), topic.get(), at, signal);
  cursors_[place] = made;
  return made;
}

void Reader::Lane::drop_unused_since(std::int64_t time_ns) {
  std::erase_if(cursors_, [&](const auto& entry) {
    const std::unique_lock attempt(entry.second->mutex, std::try_to_lock);
    return attempt.owns_lock() && entry.second.use_count() == 1 && entry.second->used_ns < time_ns;
  });
}

}  // namespace millrace::log::kafka
