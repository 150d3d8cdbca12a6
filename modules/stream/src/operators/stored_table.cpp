// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "operators/stored_table.hpp"

#include <algorithm>

#include "millrace/codec/codec.hpp"
#include "millrace/stream/staged_store.hpp"
#include "millrace/stream/store.hpp"

namespace millrace::stream::detail {

void StoredTable::open(TaskContext& context) {
  store_ = &context.store(spec_.store);
  serde_ = &context.store_serde(spec_.store);
}

void StoredTable::encode_key(const void* key) {
  key_bytes_.clear();
  codec::encode_key(*spec_.key, key, key_bytes_);
}

bool StoredTable::load(const void* key) {
  encode_key(key);
  const auto found = store_->get_timed(key_bytes_);
  if (!found) return false;
  time_ms_ = found->time_ms;
  read_stored(*serde_, *spec_.value, found->value, value_.get());
  return true;
}

void StoredTable::save(const void* value, std::int64_t time_ms) {
  value_bytes_.clear();
  codec::encode_with(*serde_, *spec_.value, value, value_bytes_);
  store_->put(key_bytes_, value_bytes_, std::max<std::int64_t>(0, time_ms));
}

void StoredTable::put(const void* key, const void* value, std::int64_t time_ms) {
  encode_key(key);
  save(value, time_ms);
}

void StoredTable::erase(const void* key) {
  encode_key(key);
  store_->erase(key_bytes_);
}

}  // namespace millrace::stream::detail
