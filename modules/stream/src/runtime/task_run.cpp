// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A task's turn: what it processes and fires, and what becomes of records that fail.
#include <charconv>
#include <exception>

#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/remembered_context.hpp"
#include "runtime/task.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::size_t reason_bytes_max = 2'000;
constexpr std::uint64_t dead_letter_version = 1;

std::int64_t number_in(std::optional<std::string_view> text) {
  std::int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

Result<Turn> Task::run(std::size_t max_units) {
  // Inputs take what was committed up to here.
  const log::LogPosition cut = shared_->log.committed();
  ++turn_;
  for (Input& input : inputs_)
    MILLRACE_TRY(input.fill(shared_->log, shared_->options.fetch_bytes, cut, turn_));
  try {
    return process(max_units);
  } catch (const SimulatedDeath&) {
    throw;
  } catch (const std::exception& thrown) {
    return handler_failed(thrown.what());
  } catch (...) {
    return handler_failed("an exception that is no std::exception");
  }
}

Result<Turn> Task::process(std::size_t max_units) {
  // Left over when the last turn was full: they go before whatever follows.
  const auto fire_stream_timers = [&] {
    if (punctuators_.stream_timer_due())
      fire_due(PunctuationType::stream_time, punctuators_.stream_time_ms(), max_units);
  };
  fire_stream_timers();
  if (const auto due = punctuators_.next_wall_ms()) {
    const std::int64_t now = wall_ms();
    punctuators_.clamp_to(now);
    if (*due <= now) fire_due(PunctuationType::wall_clock, now, max_units);
  }
  while (uncommitted_units() < max_units) {
    Input* const input = choose();
    if (input == nullptr) break;
    const log::RecordView& record = *input->head();
    const bool judged = is_judged(*input, record);
    MILLRACE_TRY(process_record(*input, record));
    input->take();
    ++uncommitted_records_;
    fire_stream_timers();
    // Committed alone, so that however many fail in one batch each record is processed twice at
    // most. A starved input may have records that go before the others' heads, and so may one that
    // was fetched earlier than they.
    if (judged || input->starved() || input->behind(turn_) ||
        shared_->transaction.bytes() >= shared_->options.max_commit_bytes)
      break;
  }
  return has_work() ? Turn::worked : Turn::idle;
}

Input* Task::choose() {
  Input* best = nullptr;
  for (Input& input : inputs_) {
    if (input.head() != nullptr && (best == nullptr || goes_before(input, *best))) best = &input;
  }
  return best;
}

Status Task::process_record(Input& input, const log::RecordView& record) {
  input_in_hand_ = &input;
  record_in_hand_ = &record;
  hand_.topic = input.topic().topic.spec.name;
  hand_.partition = partition_;
  hand_.offset = record.offset;
  hand_.timestamp_ms = record.timestamp_ms;
  hand_.headers = record.headers;
  hand_.context = {};
  sender_.begin(input.id_prefix(), static_cast<std::uint64_t>(record.offset.value), hand_.context);
  if (is_judged(input, record)) {
    verdict_used_ = true;
    keep_tables(input.topic().sources, record);
    return refuse(shared_->options.on_processing_error, verdict_->code, verdict_->reason);
  }
  if (input.topic().is_retry) return deliver_replayed(record);
  return deliver(input.topic().sources, record);
}

Status Task::deliver(const std::vector<std::size_t>& sources, const log::RecordView& record) {
  const codec::Format format = sources_[sources.front()]->reader.spec().type.format;
  const auto context = read_context(format, record.headers);
  // Of a newer build, which can read it: no policy passes over it, and no dead letter takes it out
  // of its order.
  if (!context && context.error().is(codec::errc::incompatible)) {
    return fail(context.error().at(place_in_hand()));
  }
  if (!context)
    return refuse(shared_->options.on_deserialization_error, context.error().code(),
                  context.error().message());
  hand_.context = *context;
  // All are read before any is processed: a record that one of them cannot read goes to the dead
  // letters whole, and its replay to all of them.
  readings_.clear();
  for (const std::size_t index : sources) {
    Source& source = *sources_[index];
    Message message;
    const Result<bool> known = source.reader.read(record, hand_.context.type, message);
    if (!known) {
      return refuse(shared_->options.on_deserialization_error, known.error().code(),
                    known.error().message());
    }
    if (*known) readings_.emplace_back(source.node, message);
  }
  if (readings_.empty()) {
    ++skipped_;
    return {};
  }
  punctuators_.observe(record.timestamp_ms);
  for (const auto& [node, message] : readings_)
    node->process(message, *this);
  return {};
}

// A store that is rebuilt from its topic alone takes the record at the next restore, whatever
// became of it here: so it does now.
void Task::keep_tables(const std::vector<std::size_t>& sources, const log::RecordView& record) {
  for (const std::size_t index : sources) {
    const SourceReader& reader = sources_[index]->reader;
    if (!reader.spec().table) continue;
    const StoreId id = *reader.spec().table;
    const StoreSpec& spec = shared_->topology.stores[static_cast<std::size_t>(id)];
    if (!spec.source_is_changelog || !change_.read(reader, spec, record)) continue;
    if (const auto value = change_.value()) {
      store(id).put(change_.key(), *value);
    } else {
      store(id).erase(change_.key());
    }
  }
}

// A dead letter that came back: its headers say whose it is. Other sub-topologies read the same
// retry topic.
Status Task::deliver_replayed(const log::RecordView& record) {
  if (const auto found = newer_version(record.headers.find("dl-version"), dead_letter_version))
    return fail(errc::incompatible,
                newer_format(place_in_hand(), "the dead letter", *found, dead_letter_version));
  const auto owner = record.headers.find("dl-sub-topology");
  const auto topic = record.headers.find("dl-topic");
  if (owner && *owner != resolved_->spec->name) return {};
  for (const Input& input : inputs_) {
    if (input.topic().is_retry || topic != input.topic().topic.spec.name) continue;
    std::vector<std::size_t> sources;
    for (const std::size_t index : input.topic().sources) {
      const SourceSpec& source = shared_->topology.sources[index];
      // Such a store is rebuilt from its topic alone and would forget what came by another way.
      const bool lost =
          source.table &&
          shared_->topology.stores[static_cast<std::size_t>(*source.table)].source_is_changelog;
      if (!lost) sources.push_back(index);
    }
    if (sources.empty())
      shared_->tell("warn",
                    "a replayed record of a table is left out; write it to the table's topic again",
                    place_in_hand());
    return sources.empty() ? Status{} : deliver(sources, record);
  }
  return {};
}

Status Task::refuse(ErrorAction action, ErrorCode code, std::string_view reason) {
  switch (action) {
    case ErrorAction::fail:
      return fail(code, place_in_hand() + ": " + std::string(reason));
    case ErrorAction::skip:
      ++skipped_;
      shared_->tell("warn", "record skipped", place_in_hand() + ": " + std::string(reason));
      return {};
    case ErrorAction::dead_letter:
      send_dead_letter(code, reason);
      return {};
  }
  return {};
}

void Task::send_dead_letter(ErrorCode code, std::string_view reason) {
  const log::RecordView& record = *record_in_hand_;
  DeadLetterPlace place{hand_.topic, partition_.value, record.offset.value, resolved_->spec->name};
  if (input_in_hand_->topic().is_retry) {
    place.topic = record.headers.find("dl-topic").value_or(place.topic);
    place.partition = static_cast<std::int32_t>(number_in(record.headers.find("dl-partition")));
    place.offset = number_in(record.headers.find("dl-offset"));
  }
  log::Record letter = record;
  if (is_judged(*input_in_hand_, record) && verdict_->without_value) letter.value.reset();
  sender_.dead_letter(letter, place, partition_,
                      DeadLetterReason{code, reason.substr(0, reason_bytes_max),
                                       number_in(record.headers.find("dl-attempts")) + 1});
  sent_ = true;
  ++dead_lettered_;
  shared_->tell("warn", "dead letter", place_in_hand() + ": " + std::string(reason));
}

Result<Turn> Task::handler_failed(std::string_view reason) {
  const std::string what = place_in_hand() + ": " + std::string(reason);
  if (shared_->options.on_processing_error == ErrorAction::fail)
    return fail(errc::handler_failed, what);
  shared_->tell("warn", "a handler failed", what);
  if (timer_in_hand_ != nullptr) {
    failed_firings_.emplace(timer_in_hand_->name, timer_in_hand_->now.firing);
    timer_in_hand_ = nullptr;
  } else {
    MILLRACE_ASSERT(record_in_hand_ != nullptr, "a handler runs for a record or for a timer");
    verdict_ = Verdict{input_in_hand_->place(), record_in_hand_->offset, errc::handler_failed,
                       std::string(reason)};
  }
  return Turn::failed;
}

bool Task::is_judged(const Input& input, const log::RecordView& record) const {
  return verdict_ && verdict_->place == input.place() && verdict_->offset == record.offset;
}

Status Task::blame_last(const Error& error) {
  if (uncommitted_firings_ > 0) {
    if (shared_->options.on_processing_error == ErrorAction::fail)
      return fail(error.at("committing what timer " + last_firing_.first + " did"));
    failed_firings_.insert(last_firing_);
    return {};
  }
  for (const Input& input : inputs_) {
    if (!input.moved()) continue;
    const bool judged =
        verdict_ && verdict_->place == input.place() && verdict_->offset == input.last_taken();
    verdict_ = Verdict{input.place(), input.last_taken(), error.code(), error.message(), judged};
  }
  return {};
}

void Task::fire_due(PunctuationType type, std::int64_t now_ms, std::size_t max_units) {
  while (uncommitted_units() < max_units) {
    Punctuators::Timer* const timer = punctuators_.fire(type, now_ms);
    if (timer == nullptr) return;
    fire(*timer, now_ms);
    if (has_work()) continue;
    // Nothing to take back, nothing worth a commit.
    punctuators_.keep();
    uncommitted_firings_ = 0;
  }
}

void Task::fire(Punctuators::Timer& timer, std::int64_t now_ms) {
  if (failed_firings_.contains({timer.name, timer.now.firing})) {
    passed_firings_.emplace(timer.name, timer.now.firing);
    ++skipped_;
    shared_->tell(
        "error", "a firing that failed is passed over",
        claim_.unit() + ", " + timer.name + ", firing " + std::to_string(timer.now.firing));
    return;
  }
  timer_in_hand_ = &timer;
  record_in_hand_ = nullptr;
  const std::int64_t stream_time = punctuators_.stream_time_ms();
  hand_ = {};
  hand_.partition = partition_;
  hand_.offset = log::offset(-1);
  hand_.timestamp_ms = stream_time == no_time ? now_ms : stream_time;
  timer_id_prefix_.assign(timer_prefix_).append(timer.name).append("-");
  sender_.begin(timer_id_prefix_, timer.now.firing, hand_.context);
  timer.callback(now_ms);
  timer_in_hand_ = nullptr;
  last_firing_ = {timer.name, timer.now.firing};
  ++uncommitted_firings_;
}

std::string Task::place_in_hand() const {
  if (timer_in_hand_ != nullptr) return claim_.unit() + ", timer " + timer_in_hand_->name;
  return std::string(hand_.topic) + "/" + std::to_string(hand_.partition.value) + "@" +
         std::to_string(hand_.offset.value) + " in " + claim_.unit();
}

ByteStore& Task::store(StoreId id) {
  ByteStore* const found = stores_.find(id);
  MILLRACE_ASSERT(found != nullptr, "a node uses the stores it was connected to");
  return *found;
}

void Task::send(const SinkSpec& sink, const Message& message) {
  sender_.send(sink, message);
  sent_ = true;
}

void Task::dead_letter(ErrorCode code, std::string_view reason) {
  if (record_in_hand_ == nullptr) {
    shared_->tell("error", "dead_letter() without a record in hand",
                  place_in_hand() + ": " + std::string(reason));
    return;
  }
  send_dead_letter(code, reason);
}

void Task::schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                    std::function<void(std::int64_t)> callback) {
  punctuators_.add(name, type, interval_ms, wall_ms(), std::move(callback));
}

void Task::with_context(const RememberedContext& context, const std::function<void()>& fn) {
  struct Guard {
    Task& task;
    codec::EventContext saved;
    ~Guard() {
      task.hand_.context = saved;
      task.sender_.context_changed();
    }
  } guard{*this, hand_.context};
  hand_.context = {};
  hand_.context.id = context.id;
  hand_.context.correlation = context.correlation;
  hand_.context.trace = {context.trace_high, context.trace_low, context.span, 1};
  sender_.context_changed();
  fn();
}

}  // namespace millrace::stream::runtime
