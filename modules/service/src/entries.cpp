// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/entries.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/base/hash.hpp"
#include "millrace/codec/typed_object.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::service {

namespace {

const stream::SubTopology* owner_of(const stream::Topology& topology, std::string_view store) {
  for (const stream::SubTopology& part : topology.sub_topologies()) {
    for (const stream::StoreId id : part.stores) {
      if (topology.stores()[static_cast<std::size_t>(id)].name == store) {
        return &part;
      }
    }
  }
  return nullptr;
}

Result<std::int32_t> count_of(const stream::Topology& topology, const stream::SubTopology& part,
                              log::Log& log) {
  if (part.partitions > 0) {
    return part.partitions;
  }
  const auto topic = log.find_topic(topology.sources()[part.sources.front()].topic);
  if (topic) {
    return topic->spec.partitions;
  }
  return topic.error().is(log::errc::unknown_topic) ? Result<std::int32_t>(0) : fail(topic.error());
}

std::unexpected<Error> unknown(std::string_view store) {
  return fail(stream::errc::unknown_store, "there is no store {}", store);
}

const stream::StoreSpec* find_store(const stream::Topology& topology, std::string_view store) {
  const auto found = std::find_if(topology.stores().begin(), topology.stores().end(),
                                  [store](const auto& one) { return one.name == store; });
  return found == topology.stores().end() ? nullptr : &*found;
}

// The bytes of a store's key in the topics that its part reads.
Result<std::string> key_of_input(const stream::Topology& topology, std::string_view store,
                                 std::string_view key) {
  const stream::StoreSpec* const spec = find_store(topology, store);
  if (spec == nullptr || spec->input_key_serde->name() == codec::key_serde()->name())
    return std::string(key);
  const codec::TypedObject object(*spec->key);
  MILLRACE_TRY(codec::decode_key(*spec->key, key, object.get()));
  std::string bytes;
  codec::encode_with(*spec->input_key_serde, *spec->key, object.get(), bytes);
  return bytes;
}

}  // namespace

Status read_entry(const stream::Instance& instance, std::string_view store,
                  const codec::TypeInfo& type, std::string_view bytes, void* out) {
  const stream::StoreSpec* const spec = find_store(instance.topology(), store);
  if (spec == nullptr) return unknown(store);
  return codec::decode_with(*spec->serde, type, {}, bytes, out);
}

Result<EntryPartition> partition_of_entry(const stream::Instance& instance, log::Log& log,
                                          std::string_view store, std::string_view key) {
  const stream::SubTopology* const part = owner_of(instance.topology(), store);
  if (part == nullptr) return unknown(store);
  MILLRACE_ASSIGN(const std::int32_t count, count_of(instance.topology(), *part, log));
  if (count == 0) {
    return fail(errc::not_owner, "store " + std::string(store) +
                                     ": the topics that it is made of are not there yet");
  }
  MILLRACE_ASSIGN(const std::string input_key, key_of_input(instance.topology(), store, key));
  return EntryPartition{part->name, partition_of(input_key, count)};
}

bool StorePartitions::has(std::string_view key) const {
  return count > 0 && here.contains(partition_of(key, count));
}

std::string partition_list(std::span<const std::int32_t> partitions) {
  std::string out;
  for (const std::int32_t partition : partitions)
    out += (out.empty() ? "" : ", ") + std::to_string(partition);
  return out;
}

Result<StorePartitions> store_partitions(const stream::Instance& instance, log::Log& log,
                                         std::string_view store) {
  const stream::SubTopology* const part = owner_of(instance.topology(), store);
  if (part == nullptr) {
    return unknown(store);
  }
  StorePartitions partitions;
  MILLRACE_ASSIGN(partitions.count, count_of(instance.topology(), *part, log));
  const std::string prefix = part->name + "/";
  for (const auto& task : instance.status().tasks) {
    if (!task.name.starts_with(prefix) || task.state != stream::InstanceStatus::TaskState::running)
      continue;
    std::int32_t number = 0;
    const char* const end = task.name.data() + task.name.size();
    if (std::from_chars(task.name.data() + prefix.size(), end, number).ptr == end) {
      partitions.here.insert(number);
    }
  }
  return partitions;
}

Result<stream::Answer<std::optional<std::string>>> find_entry(const stream::Instance& instance,
                                                              log::Log& log, std::string_view store,
                                                              std::string_view key) {
  auto answer = instance.read(store, key);
  if (answer || !answer.error().is(stream::errc::not_ready)) {
    return answer;
  }
  // The partition may come and go meanwhile: that it was here before and after the look says that
  // the look saw it.
  MILLRACE_ASSIGN(const StorePartitions before, store_partitions(instance, log, store));
  answer = instance.read(store, key);
  if (answer || !answer.error().is(stream::errc::not_ready)) {
    return answer;
  }
  MILLRACE_ASSIGN(const StorePartitions after, store_partitions(instance, log, store));
  MILLRACE_ASSIGN(const std::string input_key, key_of_input(instance.topology(), store, key));
  if (before.has(input_key) && after.has(input_key)) {
    return stream::Answer<std::optional<std::string>>{std::nullopt, log.committed()};
  }
  return fail(errc::not_owner,
              "store {}: the partition of the key is with another instance of the service, or not "
              "restored yet: ask that one, or ask again",
              store);
}

}  // namespace millrace::service
