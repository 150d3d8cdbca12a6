// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "view_range.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>

#include "millrace/base/json_writer.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/typed_object.hpp"
#include "millrace/codec/write_json.hpp"
#include "millrace/service/entries.hpp"

namespace millrace::service {

namespace {

// What an instance sends to another one: keys and values as JSON in text.
struct SentEntry {
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(SentEntry, (), (key, value))
struct SentPart {
  std::vector<SentEntry> entries;
  std::vector<std::int32_t> missing;
};
BOOST_DESCRIBE_STRUCT(SentPart, (), (entries, missing))

Result<std::string> key_as_json(const codec::TypeInfo& type, std::string_view bytes) {
  const codec::TypedObject key(type);
  MILLRACE_TRY(codec::decode_key(type, bytes, key.get()));
  std::string json;
  JsonWriter out(json);
  codec::write_json(type, key.get(), out);
  return json;
}

Result<std::string> value_as_json(const stream::StoreSpec& store, std::string_view bytes) {
  const codec::TypedObject value(*store.value);
  MILLRACE_TRY(codec::decode_with(*store.serde, *store.value, {}, bytes, value.get()));
  std::string json;
  JsonWriter out(json);
  codec::write_json(*store.value, value.get(), out);
  return json;
}

}  // namespace

Status ViewRange::begin(const RangeEntries& local) {
  for (const auto& [key, bytes] : local.value) {
    MILLRACE_ASSIGN(std::string value, value_as_json(store_, bytes));
    entries_.emplace(key, std::move(value));
  }
  begin(local.missing_partitions);
  return {};
}

void ViewRange::begin(const std::vector<std::int32_t>& missing) {
  for (const std::int32_t partition : missing)
    missing_.emplace(partition, "no instance has it");
}

void ViewRange::add(const Forwarder::Part& part) {
  if (part.instance.empty()) return;
  const std::string who = "instance " + part.instance;
  std::string why;
  if (!part.response) {
    why = who + " did not respond: " + part.response.error().message();
  } else if (part.response->status != 200) {
    why = who + " responded with " + std::to_string(part.response->status);
  } else if (const Status added = add_entries(part.response->body, part); !added) {
    why = who + " sent what cannot be read: " + added.error().message();
  } else {
    return;
  }
  for (const std::int32_t partition : part.partitions)
    missing_[partition] = why;
}

Status ViewRange::add_entries(const std::string& json, const Forwarder::Part& part) {
  MILLRACE_ASSIGN(const SentPart sent, codec::from_json<SentPart>(json));
  std::map<std::string, std::string> entries;
  for (const SentEntry& entry : sent.entries) {
    const codec::TypedObject key(*store_.key);
    MILLRACE_TRY(codec::decode_json(*store_.key, {}, entry.key, key.get()));
    std::string bytes;
    codec::encode_key(*store_.key, key.get(), bytes);
    entries.emplace(std::move(bytes), entry.value);
  }
  entries_.merge(entries);
  for (const std::int32_t partition : part.partitions) {
    if (std::find(sent.missing.begin(), sent.missing.end(), partition) == sent.missing.end()) {
      missing_.erase(partition);
    } else {
      missing_[partition] = "instance " + part.instance + " does not have it any more";
    }
  }
  return {};
}

std::string ViewRange::missing() const {
  std::string text;
  for (const auto& [partition, why] : missing_)
    text += (text.empty() ? "" : ", ") + std::to_string(partition) + " (" + why + ")";
  return text;
}

Result<std::string> ViewRange::body(std::size_t limit) const {
  std::string body;
  JsonWriter out(body);
  out.begin_object().key("entries").begin_array();
  for (const auto& [key, value] : entries_) {
    if (limit == 0) break;
    limit -= 1;
    MILLRACE_ASSIGN(const std::string json, key_as_json(*store_.key, key));
    out.begin_object().key("key").raw(json).key("value").raw(value).end_object();
  }
  out.end_array();
  if (!is_whole()) {
    std::vector<std::int32_t> numbers;
    for (const auto& [partition, why] : missing_)
      numbers.push_back(partition);
    out.field("missing_partitions", partition_list(numbers)).key("missing").begin_array();
    for (const auto& [partition, why] : missing_)
      out.begin_object().field("partition", partition).field("reason", why).end_object();
    out.end_array();
  }
  return out.end_object().take();
}

Result<std::string> ViewRange::part() const {
  SentPart part;
  for (const auto& [key, value] : entries_) {
    MILLRACE_ASSIGN(std::string json, key_as_json(*store_.key, key));
    part.entries.push_back({std::move(json), value});
  }
  for (const auto& [partition, why] : missing_)
    part.missing.push_back(partition);
  return codec::to_json(part);
}

}  // namespace millrace::service
