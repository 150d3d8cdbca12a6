// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/queries.hpp"

#include <algorithm>
#include <set>

#include "millrace/codec/same_type.hpp"
#include "millrace/codec/type_shape.hpp"
#include "names.hpp"
#include "plan_index.hpp"

namespace millrace::stream::runtime {

namespace {

// `Balance {total:int64}`; types that differ in the name alone are distinguished too.
std::string shown(const codec::TypeInfo& type) {
  const std::string shape = codec::to_text(codec::shape_of(type));
  const std::string name = type_name(&type);
  return shape == name ? shape : name + " " + shape;
}

}  // namespace

Status Queries::check_types(std::string_view store, const codec::TypeInfo& key,
                            const codec::TypeInfo& value) const {
  const StoreSpec* const spec = find_store(store);
  if (spec == nullptr) return fail(unknown_store(store));
  if (codec::is_same_type(key, *spec->key) && codec::is_same_type(value, *spec->value)) return {};
  const auto types = [](const codec::TypeInfo& of_key, const codec::TypeInfo& of_value) {
    return shown(of_key) + " -> " + shown(of_value);
  };
  return fail(errc::view_mismatch, "store {} has {}; asked for was {}", spec->name,
              types(*spec->key, *spec->value), types(key, value));
}

Result<std::string> Queries::name_of(StoreId store, BuilderId builder) const {
  if (builder != topology_->builder || index(store) >= topology_->stores.size()) {
    return fail(errc::unknown_store,
                "the StoreRef is not of the builder of the topology of {}: keep the one that "
                "store() of that builder returned, or ask by name; there are: {}",
                topology_->service, known_stores());
  }
  return topology_->stores[index(store)].name;
}

Result<Answer<std::optional<std::string>>> Queries::read(std::string_view store,
                                                         std::string_view key) const {
  const StoreSpec* const spec = find_store(store);
  if (spec == nullptr) return fail(unknown_store(store));
  const SharedLock lock(tasks_->mutex());
  std::int32_t ready = 0;
  std::int32_t partitions = 0;
  Answer<std::optional<std::string>> answer;
  for (const auto& task : tasks_->list()) {
    const StagedStore* const bytes = task->find_store(spec->id);
    if (bytes == nullptr) continue;
    partitions = task->resolved().partitions;
    if (!task->ready()) continue;
    ++ready;
    answer.value = bytes->read(key);
    const log::LogPosition position = task->position();
    if (answer.value || answer.position.position < position.position) answer.position = position;
    if (answer.value) return answer;
  }
  // How the inputs were partitioned is their writers' affair, so a key that no task here has may be
  // anywhere else.
  if (partitions == 0 || ready < partitions) {
    return fail(errc::not_ready,
                "store {}: the key may be in a task that is not restored yet, or that another "
                "instance runs; ask again",
                store);
  }
  return answer;
}

Result<Answer<std::vector<std::pair<std::string, std::string>>>> Queries::read_range(
    std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const {
  const StoreSpec* const spec = find_store(store);
  if (spec == nullptr) return fail(unknown_store(store));
  const SharedLock lock(tasks_->mutex());
  Answer<std::vector<std::pair<std::string, std::string>>> answer;
  std::set<std::int32_t> read;
  std::int32_t partitions = 0;
  for (const auto& task : tasks_->list()) {
    const StagedStore* const bytes = task->find_store(spec->id);
    if (bytes == nullptr || !task->ready()) continue;
    partitions = task->resolved().partitions;
    read.insert(task->partition().value);
    std::size_t taken = 0;
    bytes->read_range(from, to, [&](std::string_view key, std::string_view value) {
      if (taken++ == limit) return false;
      answer.value.emplace_back(key, value);
      return true;
    });
    const log::LogPosition position = task->position();
    if (answer.position.position < position.position) answer.position = position;
  }
  if (read.empty())
    return fail(errc::not_ready,
                "store {}: its tasks are not restored yet, or other instances run them; ask again",
                store);
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    if (!read.contains(partition)) answer.missing_partitions.push_back(partition);
  }
  std::sort(answer.value.begin(), answer.value.end());
  if (answer.value.size() > limit) answer.value.resize(limit);
  return answer;
}

const StoreSpec* Queries::find_store(std::string_view name) const {
  for (const StoreSpec& store : topology_->stores) {
    if (store.name == name) return &store;
  }
  return nullptr;
}

Error Queries::unknown_store(std::string_view name) const {
  return {errc::unknown_store,
          "there is no store " + std::string(name) + "; there are: " + known_stores()};
}

std::string Queries::known_stores() const {
  std::string known;
  for (const StoreSpec& store : topology_->stores)
    known.append(known.empty() ? "" : ", ").append(store.name);
  return known.empty() ? "none" : known;
}

}  // namespace millrace::stream::runtime
