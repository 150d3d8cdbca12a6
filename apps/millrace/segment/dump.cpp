// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment/dump.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "millrace/base/endian.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_kafka/plain_batch.hpp"
#include "record_text.hpp"
#include "segment/batch_text.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t dumped_value_bytes = 4096;
// Rows of a table that are held before they are printed.
constexpr std::size_t table_rows_max = 1000;

class Dump {
 public:
  Dump(const DumpOptions& options, SegmentTransactions transactions, Output& out)
      : options_(options),
        transactions_(std::move(transactions)),
        out_(out),
        table_(batch_headings()) {}
  Status run(log::BatchWalker walker, const std::atomic<bool>& stop);

 private:
  void note(const log::WalkedBatch& batch, const std::string& reason,
            ErrorCode code = log::errc::corrupt);
  void check(const log::WalkedBatch& batch);
  void show(const ShownBatch& batch);
  void print_table();
  void show_records(const ShownBatch& batch);
  void show_closed(const ShownBatch& batch);
  void show_record(const ShownBatch& batch, const log::RecordView& record);
  void show_control(const ShownBatch& batch, std::int16_t type, const log::RecordView& record);
  void summarize();

  const DumpOptions& options_;
  SegmentTransactions transactions_;
  Output& out_;
  Table table_;
  std::size_t rows_ = 0;
  std::optional<Error> damage_;  // the first
  log::Offset next_;             // where the batch before ended
  std::size_t batches_ = 0;
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
  std::size_t aborted_ = 0;
  std::size_t closed_ = 0;  // batches of an unknown codec
  bool stopped_ = false;
};

Status Dump::run(log::BatchWalker walker, const std::atomic<bool>& stop) {
  log::WalkedBatch batch;
  while (out_.open()) {
    stopped_ = stop;
    if (stopped_) {
      break;
    }
    const auto found = walker.next(batch);
    if (!found) {
      const bool ends_here =
          found.error().is(log::errc::corrupt) || found.error().is(log::errc::too_large);
      if (!ends_here) {
        return fail(found.error());
      }
      if (!damage_) {
        damage_ = found.error();
      }
      break;
    }
    if (!*found) break;
    check(batch);
    show(shown_batch(batch, transactions_));
  }
  print_table();
  summarize();
  if (damage_) {
    return fail(*damage_);
  }
  return stopped_ ? fail(dump_errc::stopped,
                         escaped(options_.segment) + ": stopped before the end of the segment")
                  : Status{};
}

void Dump::note(const log::WalkedBatch& batch, const std::string& reason, ErrorCode code) {
  if (!damage_) {
    damage_ = Error(code, escaped(options_.segment) + " at byte " + std::to_string(batch.position) +
                              ": " + reason);
  }
}

void Dump::check(const log::WalkedBatch& batch) {
  const std::string name = "the batch at offset " + std::to_string(batch.header.base_offset.value);
  if (!batch.checksum_holds) note(batch, name + " does not match its checksum");
  if (batch.header.base_offset < next_) {
    note(batch, name + " lies before offset " + std::to_string(next_.value) +
                    ", where the one in front of it ends");
  }
  next_ = batch.last_offset().next();
}

void Dump::show(const ShownBatch& batch) {
  const auto count = static_cast<std::size_t>(batch.walked.header.count);
  ++batches_;
  records_ += count;
  bytes_ += batch.walked.header.bytes;
  if (batch.is_aborted()) aborted_ += count;
  if (options_.json) {
    std::string line;
    JsonWriter json(line);
    write_batch(json, batch);
    out_.json(json.take());
  } else if (options_.batches) {
    table_.add(batch_cells(batch));
    if (++rows_ == table_rows_max) print_table();
  } else {
    out_.line(batch_line(batch));
  }
  if (!options_.batches && batch.walked.checksum_holds) show_records(batch);
}

void Dump::print_table() {
  if (!table_.empty()) table_.print(out_);
  table_ = Table(batch_headings());
  rows_ = 0;
}

void Dump::show_records(const ShownBatch& batch) {
  constexpr unsigned last_known_codec = 4;
  const unsigned codec =
      static_cast<unsigned>(batch.walked.header.attributes) & log::batch_layout::codec_bits;
  if (codec > last_known_codec) return show_closed(batch);
  if (batch.walked.header.count > opened_records_max) {
    return note(batch.walked,
                "the batch at offset " + std::to_string(batch.walked.header.base_offset.value) +
                    " has " + std::to_string(batch.walked.header.count) +
                    " records, more than the " + std::to_string(opened_records_max) +
                    " that are opened at once",
                log::errc::too_large);
  }
  std::string plain;
  std::vector<log::RecordView> records;
  Status opened = log::kafka::append_plain_batch(batch.walked.bytes, plain_batch_bytes_max, plain);
  if (opened) opened = log::decode_batch(plain, records);
  if (!opened) {
    const bool too_large = opened.error().is(log::errc::too_large);
    return note(batch.walked, opened.error().message(),
                too_large ? log::errc::too_large : log::errc::corrupt);
  }
  if (!batch.is_control()) {
    for (const log::RecordView& record : records)
      show_record(batch, record);
    return;
  }
  const auto type = log::kafka::control_type(plain);
  if (!type) return note(batch.walked, type.error().message());
  if (*type) show_control(batch, **type, records.front());
}

void Dump::show_closed(const ShownBatch& batch) {
  ++closed_;
  if (options_.json) return;
  out_.line("  (" + counted(static_cast<std::size_t>(batch.walked.header.count), "record") +
            " not opened: " + codec_text(batch.walked.header) + " is unknown)");
}

void Dump::show_record(const ShownBatch& batch, const log::RecordView& record) {
  if (options_.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("kind", "record");
    write_record(json, record);
    if (batch.is_aborted()) json.field("aborted", true);
    out_.json(json.end_object().take());
    return;
  }
  std::string line = "  " + std::to_string(record.offset.value) + "  " +
                     format_time(record.timestamp_ms) + "  " + key_text(record) + "  " +
                     value_text({}, record, dumped_value_bytes);
  if (batch.is_aborted()) line += "  (aborted)";
  out_.line(line);
}

void Dump::show_control(const ShownBatch& batch, std::int16_t type, const log::RecordView& record) {
  // Kafka's EndTransactionMarker.java: a version, then the epoch of the coordinator.
  const std::string_view value = record.value.value_or("");
  const bool ends = type == log::kafka::abort_mark || type == log::kafka::commit_mark;
  const bool has_coordinator = ends && value.size() >= 6;
  const auto coordinator = has_coordinator ? load_big<std::int32_t>(value.data() + 2) : 0;
  if (options_.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object()
        .field("kind", "control")
        .field("offset", record.offset.value)
        .field("time", format_time(record.timestamp_ms))
        .field("type", control_text(type))
        .field("producer_id", batch.producer.id)
        .field("producer_epoch", batch.producer.epoch);
    if (has_coordinator) {
      json.field("coordinator_epoch", coordinator);
    }
    out_.json(json.end_object().take());
    return;
  }
  std::string line = "  " + std::to_string(record.offset.value) + "  " +
                     format_time(record.timestamp_ms) + "  " + control_text(type);
  if (ends) {
    line += " of producer " + std::to_string(batch.producer.id) + " epoch " +
            std::to_string(batch.producer.epoch);
  }
  if (has_coordinator) {
    line += ", coordinator epoch " + std::to_string(coordinator);
  }
  out_.line(line);
}

void Dump::summarize() {
  if (options_.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object()
        .field("kind", "summary")
        .field("batches", batches_)
        .field("records", records_)
        .field("bytes", bytes_)
        .field("aborted_records", aborted_)
        .field("closed_batches", closed_);
    if (transactions_.full_from()) {
      json.field("transactions_unknown_from", transactions_.full_from()->value);
    }
    json.field("complete", !stopped_).field("ok", !damage_ && !stopped_);
    out_.json(json.end_object().take());
    return;
  }
  const auto batches = [](std::size_t count) {
    return std::to_string(count) + (count == 1 ? " batch" : " batches");
  };
  std::string line =
      "(" + batches(batches_) + ", " + counted(records_, "record") + ", " + counted(bytes_, "byte");
  if (aborted_ > 0) line += "; " + std::to_string(aborted_) + " aborted";
  if (closed_ > 0) line += "; " + batches(closed_) + " of an unknown codec not opened";
  if (transactions_.full_from()) {
    line += "; outcomes from offset " + std::to_string(transactions_.full_from()->value) +
            " on unknown: more than " + std::to_string(options_.transactions_max) +
            " transactions are open or were aborted";
  }
  if (stopped_) {
    line += "; stopped before the end";
  }
  out_.line(line + ")");
}

}  // namespace

Status dump_segment(FileSystem& files, const DumpOptions& options, const std::atomic<bool>& stop,
                    Output& out) {
  MILLRACE_ASSIGN(const auto file, files.open(options.segment, OpenMode::read));
  MILLRACE_ASSIGN(const std::uint64_t size, file->size());
  const auto walker = [&] {
    return log::BatchWalker(*file, escaped(options.segment), 0, size, plain_batch_bytes_max);
  };
  MILLRACE_ASSIGN(auto transactions,
                  SegmentTransactions::read(walker(), stop, options.transactions_max));
  return Dump(options, std::move(transactions), out).run(walker(), stop);
}

}  // namespace millrace::cli
