// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "fake_transactions.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/backend/batch_layout.hpp"

namespace millrace::log::kafka {
namespace {

using testkit::KafkaApi;
using wire::Api;
using wire::Decoder;

constexpr std::int64_t first_id = 7;
constexpr std::int16_t last_epoch_of_id = 32'766;
constexpr std::int32_t partitions_of_t = 2;
// Those up to which the responses here are written; librdkafka asks for metadata.
constexpr std::pair<std::int16_t, std::int16_t> versions[] = {{0, 12}, {1, 11}, {3, 1},  {9, 7},
                                                              {10, 2}, {18, 3}, {22, 5}, {24, 2},
                                                              {25, 2}, {26, 5}, {28, 5}};

std::string producer_text(std::int64_t id, std::int16_t epoch) {
  return (id == first_id ? "" : " id " + std::to_string(id)) + " epoch " + std::to_string(epoch);
}

}  // namespace

FakeTransactions::FakeTransactions(std::int16_t level, std::int16_t epoch)
    : level_(level),
      epoch_(static_cast<std::int16_t>(epoch - 1)),
      broker_([this](const testkit::KafkaRequest& request) { return respond(request); }) {}

void FakeTransactions::set_level(std::int16_t level) {
  const std::scoped_lock lock(mutex_);
  level_ = level;
}

void FakeTransactions::limit(Api api, std::int16_t version) {
  const std::scoped_lock lock(mutex_);
  limits_[api] = version;
}

void FakeTransactions::misname_leader(std::int32_t port) {
  const std::scoped_lock lock(mutex_);
  misnamed_port_ = port;
}

void FakeTransactions::change_id() {
  const std::scoped_lock lock(mutex_);
  changes_id_ = true;
}

int FakeTransactions::asked_for_leaders() {
  const std::scoped_lock lock(mutex_);
  return asked_for_leaders_;
}

void FakeTransactions::fail(Api api, std::int16_t error, std::string message) {
  const std::scoped_lock lock(mutex_);
  faults_[api].push_back({Fault::Kind::fail, error, std::move(message)});
}

void FakeTransactions::stall(Api api) {
  const std::scoped_lock lock(mutex_);
  faults_[api].push_back({Fault::Kind::stall, 0, {}});
}

void FakeTransactions::garble(Api api) {
  const std::scoped_lock lock(mutex_);
  faults_[api].push_back({Fault::Kind::garble, 0, {}});
}

std::vector<std::string> FakeTransactions::requests() {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

int FakeTransactions::committed() {
  const std::scoped_lock lock(mutex_);
  return committed_;
}

std::string FakeTransactions::respond(const testkit::KafkaRequest& request) {
  const std::scoped_lock lock(mutex_);
  const bool flexible = testkit::kafka_proxy::is_flexible(request.api, request.version);
  Response out(flexible && request.api != KafkaApi::api_versions);
  out.i32(request.correlation_id).tags();
  out.set_flexible(flexible);
  std::deque<Fault>& faults = faults_[static_cast<Api>(request.api)];
  if (faults.empty()) {
    carry_out(request, nullptr, out);
    return out.tags().finish();
  }
  const Fault fault = std::move(faults.front());
  faults.pop_front();
  if (fault.kind == Fault::Kind::garble) {
    Response lost;
    carry_out(request, nullptr, lost);
    return out.finish();
  }
  carry_out(request, &fault, out);
  std::string frame = out.tags().finish();
  if (fault.kind == Fault::Kind::stall) frame.pop_back();
  return frame;
}

void FakeTransactions::carry_out(const testkit::KafkaRequest& request, const Fault* fault,
                                 Response& out) {
  const std::int16_t version = request.version;
  const auto api = static_cast<Api>(request.api);
  const std::int16_t error = fault == nullptr ? std::int16_t{0} : fault->error;
  Decoder in(request.body, testkit::kafka_proxy::is_flexible(request.api, version));
  switch (request.api) {
    case KafkaApi::api_versions:
      return tell_versions(out);
    case KafkaApi::metadata:
      return tell_metadata(in, out);
    case KafkaApi::find_coordinator:
      out.i32(0).i16(0).null_string().i32(0).string("127.0.0.1").i32(broker_.port());
      return;
    default:
      break;
  }
  requests_.push_back(std::string(wire::name_of(api)) + " v" + std::to_string(version));
  switch (request.api) {
    case KafkaApi::init_producer_id:
      return init(in, version, error, out);
    case KafkaApi::produce:
      return produce(in, version, {error, fault == nullptr ? std::string() : fault->message}, out);
    case KafkaApi::txn_offset_commit:
      return move_positions(in, version, error, out);
    case KafkaApi::add_partitions_to_txn:
      return add_partitions(in, version, error, out);
    case KafkaApi::end_txn:
      return end(in, version, error, out);
    default:
      out.i32(0).i16(error);
  }
}

void FakeTransactions::tell_versions(Response& out) {
  out.i16(0).array(static_cast<std::int32_t>(std::size(versions)));
  for (const auto& [api, highest] : versions) {
    const auto limit = limits_.find(static_cast<Api>(api));
    out.i16(api).i16(0).i16(limit == limits_.end() ? highest : limit->second).tags();
  }
  out.i32(0);
  // The final tags are these: epoch 5, and one feature with its highest and lowest level.
  Response features(true);
  features.array(1).string("transaction.version").i16(level_).i16(level_).tags();
  const std::string field = features.finish().substr(4);
  out.uvarint(2).uvarint(1).uvarint(8).i64(5).uvarint(2);
  out.uvarint(static_cast<std::uint32_t>(field.size())).raw(field);
  out.set_flexible(false);
}

void FakeTransactions::tell_metadata(Decoder& in, Response& out) {
  const bool for_leaders = in.count(2) > 0;
  if (for_leaders) ++asked_for_leaders_;
  const std::int32_t misnamed = for_leaders ? std::exchange(misnamed_port_, 0) : 0;
  const std::int32_t leader = misnamed == 0 ? 0 : 1;
  out.array(1 + leader).i32(0).string("127.0.0.1").i32(broker_.port()).null_string();
  if (misnamed != 0) out.i32(leader).string("127.0.0.1").i32(misnamed).null_string();
  out.i32(0);
  out.array(1).i16(0).string("t").i8(0).array(partitions_of_t);
  for (std::int32_t partition = 0; partition < partitions_of_t; ++partition)
    out.i16(0).i32(partition).i32(leader).array(1).i32(leader).array(1).i32(leader);
}

void FakeTransactions::init(Decoder& in, std::int16_t version, std::int16_t error, Response& out) {
  in.string();
  in.number<std::int32_t>();
  if (version >= 3) {
    const auto id = in.number<std::int64_t>();
    const auto expected = in.number<std::int16_t>();
    requests_.back() += " id " + std::to_string(id) + " epoch " + std::to_string(expected);
    if (error == 0 && (id != id_ || (expected != epoch_ && expected != before_)))
      error = broker_error::fenced;
    // A repeated one gets what the first one got.
    if (error == 0 && expected == before_) {
      out.i32(0).i16(0).i64(id_).i16(epoch_);
      return;
    }
  }
  if (error == 0) {
    before_ = epoch_;
    epoch_ == last_epoch_of_id ? rotate() : static_cast<void>(++epoch_);
    open_ = 0;
    begun_ = false;
    sequences_.clear();
  }
  out.i32(0).i16(error).i64(id_).i16(epoch_);
}

void FakeTransactions::rotate() {
  id_before_ = id_++;
  epoch_ = 0;
}

void FakeTransactions::produce(Decoder& in, std::int16_t version, const Written& refused,
                               Response& out) {
  in.string();
  in.number<std::int16_t>();
  in.number<std::int32_t>();
  const std::size_t topics = in.count(1);
  out.array(static_cast<std::int32_t>(topics));
  for (std::size_t topic = 0; topic < topics; ++topic) {
    out.string(in.string());
    const std::size_t partitions = in.count(1);
    out.array(static_cast<std::int32_t>(partitions));
    for (std::size_t i = 0; i < partitions; ++i) {
      const auto partition = in.number<std::int32_t>();
      requests_.back() += " t/" + std::to_string(partition);
      const std::string_view batch = in.bytes();
      in.tags();
      const std::int16_t error = write(batch, partition, refused.error, requests_.back());
      out.i32(partition).i16(error).i64(error == 0 ? 100 : -1).i64(-1).i64(0);
      if (version >= 8) {
        out.array(0);
        refused.message.empty() ? out.null_string() : out.string(refused.message);
      }
      out.tags();
    }
    in.tags();
    out.tags();
  }
  out.i32(0);
}

std::int16_t FakeTransactions::write(std::string_view batch, std::int32_t partition,
                                     std::int16_t error, std::string& note) {
  const auto id = load_big<std::int64_t>(batch.data() + batch_layout::producer_id);
  const auto epoch = load_big<std::int16_t>(batch.data() + batch_layout::producer_epoch);
  const auto sequence = load_big<std::int32_t>(batch.data() + batch_layout::base_sequence);
  const auto last = load_big<std::int32_t>(batch.data() + batch_layout::last_offset_delta);
  note += producer_text(id, epoch) + " sequence " + std::to_string(sequence);
  if (error != 0) return error;
  if (id != id_) return broker_error::bad_id;
  if (epoch != epoch_) return broker_error::bad_epoch;
  std::int32_t& next = sequences_[partition];
  if (sequence + last + 1 == next) return 0;  // a repeated one
  if (sequence != next) return broker_error::out_of_order;
  next += last + 1;
  ++open_;
  begun_ = true;
  return 0;
}

void FakeTransactions::move_positions(Decoder& in, std::int16_t version, std::int16_t error,
                                      Response& out) {
  in.string();
  in.string();
  const auto id = in.number<std::int64_t>();
  const auto epoch = in.number<std::int16_t>();
  requests_.back() += producer_text(id, epoch);
  if (version >= 3) {
    in.number<std::int32_t>();
    in.string();
    in.string();
  }
  if (error == 0 && epoch != epoch_) error = broker_error::bad_epoch;
  if (error == 0 && id != id_) error = broker_error::bad_id;
  if (error == 0) begun_ = true;
  in.count(1);
  out.i32(0).array(1).string(in.string()).array(1);
  in.count(1);
  out.i32(in.number<std::int32_t>()).i16(error).tags().tags();
}

void FakeTransactions::add_partitions(Decoder& in, std::int16_t /*version*/, std::int16_t error,
                                      Response& out) {
  in.string();
  const auto id = in.number<std::int64_t>();
  const auto epoch = in.number<std::int16_t>();
  requests_.back() += producer_text(id, epoch);
  if (error == 0 && epoch != epoch_) error = broker_error::fenced;
  in.count(1);
  out.i32(0).array(1).string(in.string());
  const std::size_t partitions = in.count(4);
  out.array(static_cast<std::int32_t>(partitions));
  for (std::size_t i = 0; i < partitions; ++i)
    out.i32(in.number<std::int32_t>()).i16(error);
}

void FakeTransactions::end(Decoder& in, std::int16_t version, std::int16_t error, Response& out) {
  in.string();
  const auto id = in.number<std::int64_t>();
  const auto epoch = in.number<std::int16_t>();
  const bool commits = in.flag();
  requests_.back() += producer_text(id, epoch) + (commits ? " commit" : " abort");
  if (error == 0) error = end(version, id, epoch, commits);
  out.i32(0).i16(error);
  if (version >= 5) out.i64(error == 0 ? id_ : -1).i16(error == 0 ? epoch_ : -1);
}

std::int16_t FakeTransactions::end(std::int16_t version, std::int64_t id, std::int16_t epoch,
                                   bool commits) {
  const bool of_old_id = id == id_before_ && epoch == before_ && epoch_ == 0;
  const bool repeats = version >= 5 && (of_old_id || (id == id_ && epoch + 1 == epoch_));
  if (repeats) return commits == ended_by_commit_ ? 0 : broker_error::bad_state;
  if (id != id_) return broker_error::bad_id;
  if (epoch != epoch_) return broker_error::fenced;
  if (commits && version >= 5 && !begun_) return broker_error::bad_state;
  if (commits) committed_ += open_;
  ended_by_commit_ = commits;
  open_ = 0;
  begun_ = false;
  if (version >= 5) {
    before_ = epoch_;
    std::exchange(changes_id_, false) ? rotate() : static_cast<void>(++epoch_);
    sequences_.clear();
  }
  return 0;
}

}  // namespace millrace::log::kafka
