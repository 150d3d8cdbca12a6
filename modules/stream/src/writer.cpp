// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/writer.hpp"

#include <atomic>
#include <new>
#include <stdexcept>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/detail/borrowed.hpp"
#include "millrace/stream/record_encoder.hpp"
#include "names.hpp"

namespace millrace::stream {

struct Written::Outcome {
  std::atomic<bool> known{false};
  // Replaced once it is known.
  Result<log::LogPosition> result =
      fail(log::errc::outcome_unknown, "the commit of the record ended with an exception");

  void set(Result<log::LogPosition> now) {
    result = std::move(now);
    known.store(true, std::memory_order_release);
  }
};

Result<log::LogPosition> Written::wait() const {
  const auto known = [this] { return outcome_->known.load(std::memory_order_acquire); };
  if (!known()) records_->commit_until(known);
  return outcome_->result;
}

namespace detail {

namespace {

// Of records that the serde, or the type, has no form for; nothing else is an event's own fault.
std::unexpected<Error> not_encoded(std::string_view topic, std::string_view why) {
  return fail(millrace::errc::invalid_argument, "an event for topic {} cannot be encoded: {}",
              topic, why);
}

}  // namespace

Result<EventWriter> EventWriter::open(RecordWriter& records, std::string_view topic,
                                      std::string source, RecordType type) {
  MILLRACE_TRY(check_form(type, topic));
  log::Log& log = records.log();
  MILLRACE_ASSIGN(log::Topic found, log.find_topic(topic));
  if (found.spec.kind == log::TopicKind::private_topic) {
    return fail(millrace::errc::invalid_argument,
                "topic {} is private to service {}, so only its topology writes there",
                found.spec.name, found.spec.owner);
  }
  const std::string& service = log.options().service;
  MILLRACE_TRY(log::check_may_write(found.spec, service));
  return EventWriter(records, std::move(found), source.empty() ? "/" + service : std::move(source),
                     std::move(type));
}

Written EventWriter::write(const void* key, const void* value, const EventFields& fields) const {
  records_->check_not_in_done();  // always, and not only under load, when it would wait
  const auto outcome = std::make_shared<Written::Outcome>();
  const auto done = [outcome](const Result<log::LogPosition>& committed) {
    outcome->set(committed);
  };
  Status taken = write(key, value, fields, done);
  while (!taken && taken.error().is(millrace::errc::busy)) {
    records_->wait_for_room();
    taken = write(key, value, fields, done);
  }
  if (!taken) outcome->set(fail(std::move(taken).error()));
  return {*records_, outcome};
}

Status EventWriter::write(const void* key, const void* value, const EventFields& fields,
                          RecordWriter::Done done) const {
  const Borrowed<RecordEncoder> encoder;
  const std::int64_t time_ms = fields.time_ms ? *fields.time_ms : records_->clock().wall_ms();
  const std::string made = fields.id.empty() ? records_->new_id() : std::string();
  log::Record record;
  try {
    record = encoder->encode(type_, key, value, time_ms);
  } catch (const SimulatedDeath&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return not_encoded(topic_.spec.name, error.what());
  } catch (...) {  // of a serde of the program
    return not_encoded(topic_.spec.name, "an exception that is no std::exception");
  }
  if (type_.envelope == codec::Envelope::cloud_events) {
    record.headers =
        encoder->event_headers(*type_.value, value,
                               {.id = fields.id.empty() ? std::string_view(made) : fields.id,
                                .source = source_,
                                .type = {},
                                .time_ms = time_ms,
                                .correlation = fields.correlation,
                                .causation = fields.causation,
                                .trace = fields.trace,
                                .content_type = type_.serde->content_type(),
                                .request = fields.request});
  } else if (type_.envelope == codec::Envelope::context) {
    codec::EventContext context;
    context.id = fields.causation;
    context.correlation = fields.correlation;
    context.trace = fields.trace;
    context.request = fields.request;
    record.headers = encoder->private_headers(context);
  }
  const std::int32_t partition = partition_of(*record.key, topic_.spec.partitions);
  return records_->append({topic_.id, log::partition(partition)}, record, std::move(done));
}

}  // namespace detail
}  // namespace millrace::stream
