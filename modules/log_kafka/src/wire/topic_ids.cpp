// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/topic_ids.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

// The last version that has rights on the cluster.
constexpr std::int16_t last_with_cluster_rights = 10;
// The least that these take in a response.
constexpr std::size_t named_broker_bytes = 11;
constexpr std::size_t named_topic_bytes = 26;
constexpr std::size_t named_partition_bytes = 18;
constexpr std::size_t named_replica_bytes = 4;

TopicUuid read_uuid(Decoder& in) {
  const auto high = in.number<std::uint64_t>();
  return {high, in.number<std::uint64_t>()};
}

void pass_over_partition(Decoder& in) {
  in.number<std::int16_t>();  // error
  in.number<std::int32_t>();  // which one
  in.number<std::int32_t>();  // leader
  in.number<std::int32_t>();  // its epoch
  for (int list = 0; list < 3; ++list) {
    for (std::size_t replicas = in.count(named_replica_bytes); replicas > 0; --replicas)
      in.number<std::int32_t>();
  }
  in.tags();
}

NamedTopic read_topic(Decoder& in) {
  NamedTopic named;
  named.error = code_of(in.number<std::int16_t>());
  named.name = in.string();
  named.id = read_uuid(in);
  in.flag();  // internal
  for (std::size_t partitions = in.count(named_partition_bytes); partitions > 0; --partitions)
    pass_over_partition(in);
  in.number<std::int32_t>();  // rights
  in.tags();
  return named;
}

}  // namespace

std::string ask_topic_ids(std::span<const std::string> names, std::int16_t version) {
  Encoder out(is_flexible(Api::metadata, version));
  out.count(names.size());
  for (const std::string& name : names) {
    out.number<std::uint64_t>(0);  // the topic by its id
    out.number<std::uint64_t>(0);
    out.string(name);
    out.tags();
  }
  out.flag(false);  // creates none
  if (version <= last_with_cluster_rights) out.flag(false);
  out.flag(false);  // no rights on topics
  out.tags();
  return out.take();
}

std::optional<std::vector<NamedTopic>> read_topic_ids(std::string_view body, std::int16_t version,
                                                      std::span<const std::string> names) {
  Decoder in(body, is_flexible(Api::metadata, version));
  in.number<std::int32_t>();  // throttled for so long
  for (std::size_t brokers = in.count(named_broker_bytes); brokers > 0; --brokers) {
    in.number<std::int32_t>();
    in.string();
    in.number<std::int32_t>();
    in.string();  // rack
    in.tags();
  }
  in.string();                // cluster
  in.number<std::int32_t>();  // controller
  std::map<std::string, NamedTopic, std::less<>> named;
  for (std::size_t topics = in.count(named_topic_bytes); topics > 0; --topics) {
    NamedTopic one = read_topic(in);
    std::string name = one.name;
    named.insert_or_assign(std::move(name), std::move(one));
  }
  if (!in.ok()) return std::nullopt;
  std::vector<NamedTopic> wanted;
  for (const std::string& name : names) {
    const auto found = named.find(name);
    if (found == named.end()) return std::nullopt;
    wanted.push_back(found->second);
  }
  return wanted;
}

struct TopicIdReader::Question {
  net::Address broker;
  std::unique_ptr<Connection> connection;
  bool was_kept = false;     // it may have been closed meanwhile
  std::int16_t version = 0;  // in which it was asked; 0: not yet
  std::optional<std::vector<NamedTopic>> named;
  std::optional<Error> failed;
  [[nodiscard]] bool is_over() const { return named || failed; }
};

void TopicIdReader::connect(Question& question, bool fresh) {
  question.version = 0;
  question.was_kept = false;
  if (!fresh) {
    const MutexLock lock(mutex_);
    if (const auto found = kept_.find(question.broker); found != kept_.end()) {
      question.connection = std::move(found->second.connection);
      question.was_kept = true;
      kept_.erase(found);
      return;
    }
  }
  const Cluster& cluster = *config_.cluster();
  question.connection =
      std::make_unique<Connection>(question.broker, config_.client_id(), config_.clock(),
                                   cluster.security().get(), cluster.connect_timeout_ns());
}

void TopicIdReader::turn(Question& question, std::span<const std::string> names) {
  Connection* connection = question.connection.get();
  if (const auto answer = connection->take(); answer && question.version > 0) {
    question.named = read_topic_ids(answer->body, question.version, names);
    if (!question.named)
      question.failed = Error{errc::unavailable, "the response of the broker at " +
                                                     question.broker.text() + " cannot be read"};
    return;
  }
  if (connection->is_broken()) {
    if (!question.was_kept) {
      question.failed = connection->error();
      return;
    }
    connect(question, true);
    return;
  }
  if (question.version > 0 || !connection->knows_versions()) return;
  const std::optional<std::int16_t> version = connection->version(Api::metadata);
  if (!version) {
    // A broker before Kafka 2.8.
    question.named.emplace();
    for (const std::string& name : names)
      question.named->push_back({name, RD_KAFKA_RESP_ERR_NO_ERROR, {}});
    return;
  }
  question.version = *version;
  connection->send(Api::metadata, *version, ask_topic_ids(names, *version));
}

std::vector<TopicIdReader::Question> TopicIdReader::ask_all(std::span<const net::Address> brokers,
                                                            std::span<const std::string> names,
                                                            std::int64_t deadline_ns) {
  std::vector<Question> questions;
  for (const net::Address& broker : brokers) {
    questions.push_back({broker, nullptr, false, 0, std::nullopt, std::nullopt});
    connect(questions.back(), false);
  }
  for (;;) {
    std::vector<Connection*> waiting;
    bool is_broken = false;
    for (Question& question : questions) {
      if (!question.is_over()) turn(question, names);
      if (question.is_over()) continue;
      waiting.push_back(question.connection.get());
      // Broken as soon as it was made, it would never wake anybody.
      is_broken = is_broken || question.connection->is_broken();
    }
    if (waiting.empty() || config_.clock().monotonic_ns() >= deadline_ns) break;
    if (!is_broken) advance_all(waiting, -1, deadline_ns, config_.clock());
  }
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  const MutexLock lock(mutex_);
  for (Question& question : questions) {
    // One on which something is under way still is not kept: nobody would read its response.
    if (question.named && !question.connection->is_broken())
      kept_[question.broker] = {std::move(question.connection), now_ns};
  }
  return questions;
}

Result<std::vector<NamedTopic>> TopicIdReader::ask(const net::Address& broker,
                                                   std::span<const std::string> names,
                                                   std::int64_t deadline_ns) {
  std::vector<Question> questions = ask_all({&broker, 1}, names, deadline_ns);
  Question& question = questions.front();
  if (question.named) return *std::move(question.named);
  if (question.failed) return fail(*question.failed);
  return fail(errc::unavailable, "the broker at " + broker.text() + " did not respond in time");
}

std::vector<std::optional<std::vector<NamedTopic>>> TopicIdReader::ask_each(
    std::span<const net::Address> brokers, std::span<const std::string> names,
    std::int64_t deadline_ns) {
  std::vector<std::optional<std::vector<NamedTopic>>> named;
  for (Question& question : ask_all(brokers, names, deadline_ns))
    named.push_back(std::move(question.named));
  return named;
}

void TopicIdReader::drop_idle() {
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  const MutexLock lock(mutex_);
  std::erase_if(kept_, [&](const auto& one) { return now_ns - one.second.used_ns >= idle_ns; });
}

}  // namespace millrace::log::kafka::wire
