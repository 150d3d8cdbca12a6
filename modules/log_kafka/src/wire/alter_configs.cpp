// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/alter_configs.hpp"

#include "millrace/log/errors.hpp"
#include "wire/connection.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int8_t topic_resource = 2;
constexpr std::int8_t set_operation = 0;
constexpr std::int64_t ns_of_ms = 1'000'000;
// Before another broker is asked.
constexpr std::int64_t pause_ns = 20 * ns_of_ms;

/// One request to one broker. errc::unavailable when no response came, and what else keeps the
/// connection from being used.
Result<AlteredConfigs> ask_once(Cluster& cluster, const net::Address& broker,
                                std::string_view client_id, const std::string& body,
                                std::int64_t deadline_ns) {
  Connection connection(broker, client_id, cluster.clock(), cluster.security().get(),
                        cluster.connect_timeout_ns());
  connection.send(Api::incremental_alter_configs, body);
  Connection* const connections[] = {&connection};
  while (!connection.is_broken()) {
    if (const auto answer = connection.take()) {
      if (auto read = read_altered_configs(answer->body)) return *std::move(read);
      return fail(errc::unavailable,
                  "the response of the broker at " + broker.text() + " makes no sense");
    }
    if (cluster.clock().monotonic_ns() >= deadline_ns) {
      return fail(errc::unavailable, "the broker at " + broker.text() + " did not respond in time");
    }
    advance_all(connections, -1, deadline_ns, cluster.clock());
  }
  return fail(connection.error());
}

}  // namespace

std::string alter_configs(std::string_view topic, const Settings& changes) {
  Encoder out;
  out.count(1);
  out.number(topic_resource);
  out.string(topic);
  out.count(changes.size());
  for (const auto& [name, value] : changes) {
    out.string(name);
    out.number(set_operation);
    out.string(value);
  }
  out.flag(false);  // not only to be validated
  return out.take();
}

std::optional<AlteredConfigs> read_altered_configs(std::string_view body) {
  Decoder in(body);
  in.number<std::int32_t>();  // throttled for so long
  const std::size_t topics = in.count(7);
  AlteredConfigs altered;
  altered.error = code_of(in.number<std::int16_t>());
  altered.reason = in.string();
  if (!in.ok() || topics != 1) return std::nullopt;
  return altered;
}

Status alter_topic(Cluster& cluster, std::string_view client_id, const std::string& topic,
                   const Settings& changes, std::int64_t deadline_ns) {
  const std::string doing = "changing the settings of topic " + topic;
  const std::string body = alter_configs(topic, changes);
  Error last(errc::unavailable, doing + ": no broker responded");
  while (true) {
    const std::int64_t now_ns = cluster.clock().monotonic_ns();
    if (now_ns >= deadline_ns) return fail(last);
    const auto broker = cluster.any(static_cast<int>((deadline_ns - now_ns) / ns_of_ms) + 1);
    const auto altered = broker ? ask_once(cluster, *broker, client_id, body, deadline_ns)
                                : Result<AlteredConfigs>(fail(broker.error()));
    if (altered && altered->error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    last = altered ? error_of(altered->error, doing,
                              altered->reason.empty() ? "" : ": " + altered->reason)
                   : altered.error().at(doing);
    if (!last.is(errc::unavailable)) return fail(last);
    advance_all({}, -1, cluster.clock().monotonic_ns() + pause_ns, cluster.clock());
  }
}

}  // namespace millrace::log::kafka::wire
