// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The proxy between librdkafka and a real broker.
#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <millrace_test_paths.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::testkit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int timeout_ms = 120'000;
constexpr int no_error = RD_KAFKA_RESP_ERR_NO_ERROR;

struct Deleter {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using Client = std::unique_ptr<rd_kafka_t, Deleter>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Deleter>;
using Message = std::unique_ptr<rd_kafka_message_t, Deleter>;

using Settings = std::map<std::string, std::string>;

Client make_client(rd_kafka_type_t type, Settings settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> problem{};
  // What the tests bring about on purpose need not be logged.
  settings.emplace("log_level", "0");
  settings.emplace("reconnect.backoff.ms", "10");
  settings.emplace("reconnect.backoff.max.ms", "50");
  settings.emplace("retry.backoff.ms", "10");
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), problem.data(), problem.size()) !=
        RD_KAFKA_CONF_OK) {
      throw TestError(problem.data());
    }
  }
  Client client(rd_kafka_new(type, conf, problem.data(), problem.size()));
  if (!client) throw TestError(problem.data());
  return client;
}

// A transactional producer named "producer", ready to begin.
Client make_producer(const std::string& bootstrap) {
  auto client = make_client(RD_KAFKA_PRODUCER,
                            {{"bootstrap.servers", bootstrap}, {"transactional.id", "producer"}});
  const KafkaError error(rd_kafka_init_transactions(client.get(), timeout_ms));
  EXPECT_EQ(error, nullptr) << rd_kafka_error_string(error.get());
  return client;
}

void write(rd_kafka_t* producer, std::string value) {
  EXPECT_EQ(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("events"), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE(value.data(), value.size()), RD_KAFKA_V_END),
            no_error);
}

KafkaError begin(const Client& producer) {
  return KafkaError(rd_kafka_begin_transaction(producer.get()));
}
KafkaError commit(const Client& producer) {
  return KafkaError(rd_kafka_commit_transaction(producer.get(), timeout_ms));
}

// What a consumer reports of brokers that it asks again.
bool is_passing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
         error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

// Values of the committed records up to the end of the topic, read from the broker itself. The end
// moves a little after a commit was answered, so it waits for as many as there must be.
std::vector<std::string> committed(const std::string& brokers, std::size_t count_min) {
  const auto reader = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                      {"group.id", "reader"},
                                                      {"isolation.level", "read_committed"},
                                                      {"enable.partition.eof", "true"},
                                                      {"enable.auto.commit", "false"}});
  const std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter> assigned(
      rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(assigned.get(), "events", 0)->offset =
      RD_KAFKA_OFFSET_BEGINNING;
  EXPECT_EQ(rd_kafka_assign(reader.get(), assigned.get()), no_error);
  std::vector<std::string> values;
  while (const Message message{rd_kafka_consumer_poll(reader.get(), timeout_ms)}) {
    if (is_passing(message->err)) continue;
    if (message->err != no_error) {
      EXPECT_EQ(message->err, RD_KAFKA_RESP_ERR__PARTITION_EOF);
      if (values.size() >= count_min) break;
      continue;
    }
    values.emplace_back(static_cast<const char*>(message->payload), message->len);
  }
  rd_kafka_consumer_close(reader.get());
  return values;
}

// A cluster that lives as long as the object.
class Cluster {
 public:
  explicit Cluster(int brokers) {
    std::string pattern = std::filesystem::temp_directory_path() / "millrace-proxy-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::string output;
    // No broker dies here, and one that is slow is not to be taken for dead.
    status_ = run("up --dir " + directory_ + " --brokers " + std::to_string(brokers) +
                      " --setting broker.session.timeout.ms=600000 --watch-pid " +
                      std::to_string(::getpid()),
                  &output);
    address_ = output.substr(0, output.find('\n'));
  }
  ~Cluster() {
    if (status_ == 0) run("down --dir " + directory_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// 0 when it is up, 77 when there is no Kafka to be had here.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  void make_topic(const std::string& name) {
    EXPECT_EQ(run("tool --dir " + directory_ + " topics --create --topic " + name), 0);
  }

 private:
  static int run(const std::string& arguments, std::string* output = nullptr) {
    const auto command = std::string(test::source_dir) + "/tools/kafka " + arguments;
    FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
    std::array<char, 4096> buffer;
    while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      if (output != nullptr) output->append(buffer.data(), size);
    }
    const int status = ::pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string directory_;
  std::string address_;
  int status_ = -1;
};

class KafkaProxyBroker : public testing::Test {
 protected:
  void SetUp() override { start(1); }

  void start(int brokers) {
    cluster_ = std::make_unique<Cluster>(brokers);
    if (cluster_->status() == 77) GTEST_SKIP() << "no Kafka to be had here: see tools/kafka";
    ASSERT_EQ(cluster_->status(), 0) << "tools/kafka up failed";
    proxy_ = std::make_unique<KafkaProxy>(cluster_->address());
    cluster_->make_topic("events");
  }

  [[nodiscard]] std::vector<std::string> in_topic(std::size_t count_min) const {
    return committed(cluster_->address(), count_min);
  }

  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<KafkaProxy> proxy_;
};

TEST_F(KafkaProxyBroker, a_commit_whose_answer_was_lost_is_in_the_topic_once) {
  const auto lost =
      proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_after(), .commits = true});
  const auto producer = make_producer(proxy_->bootstrap());
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  EXPECT_EQ(commit(producer), nullptr);
  EXPECT_TRUE(lost.wait_until_applied());
  EXPECT_GE(proxy_->seen(KafkaApi::end_txn), 2U);
  EXPECT_THAT(in_topic(1), ElementsAre("one"));
}

TEST_F(KafkaProxyBroker, a_commit_held_on_its_way_is_not_in_the_topic_before_its_release) {
  const auto held = proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_request()});
  const auto producer = make_producer(proxy_->bootstrap());
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  std::thread committer([&] { EXPECT_EQ(commit(producer), nullptr); });
  EXPECT_TRUE(held.wait_until_held());
  EXPECT_THAT(in_topic(0), IsEmpty());
  held.release();
  committer.join();
  EXPECT_TRUE(held.wait_until_answered());
  EXPECT_THAT(in_topic(1), ElementsAre("one"));
}

TEST_F(KafkaProxyBroker, a_commit_that_arrives_late_hits_the_next_transaction) {
  const auto late = proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_request()});
  const auto producer = make_producer(proxy_->bootstrap());
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  std::thread committer([&] { EXPECT_EQ(commit(producer), nullptr); });
  EXPECT_TRUE(late.wait_until_held());
  proxy_->cut_all();
  committer.join();

  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "two");
  EXPECT_EQ(rd_kafka_flush(producer.get(), timeout_ms), no_error);
  late.release();
  EXPECT_TRUE(late.wait_until_answered());
  EXPECT_THAT(in_topic(2), ElementsAre("one", "two"));
}

TEST_F(KafkaProxyBroker,
       errors_of_the_coordinator_are_retried_or_fatal_as_if_the_broker_sent_them) {
  constexpr std::int16_t concurrent_transactions = 51;
  constexpr std::int16_t invalid_producer_epoch = 47;
  const auto busy = proxy_->add({.api = KafkaApi::init_producer_id,
                                 .fault = KafkaFault::fail(concurrent_transactions),
                                 .transactional_id = "producer"});
  const auto partitions = proxy_->add(
      {.api = KafkaApi::add_partitions_to_txn, .fault = KafkaFault::fail(concurrent_transactions)});
  const auto producer = make_producer(proxy_->bootstrap());
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  EXPECT_EQ(commit(producer), nullptr);
  EXPECT_EQ(busy.applied(), 1U);
  EXPECT_EQ(partitions.applied(), 1U);
  const auto fenced =
      proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::fail(invalid_producer_epoch)});
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "two");
  const auto error = commit(producer);
  ASSERT_NE(error, nullptr);
  EXPECT_TRUE(rd_kafka_error_is_fatal(error.get()));
  EXPECT_EQ(fenced.applied(), 1U);
  EXPECT_THAT(in_topic(1), ElementsAre("one"));
}

TEST_F(KafkaProxyBroker, records_cross_a_network_that_fails_in_every_way_once) {
  constexpr std::int16_t not_leader = 6;
  proxy_->add({.api = KafkaApi::produce, .fault = KafkaFault::cut_before()});
  proxy_->add({.api = KafkaApi::produce, .fault = KafkaFault::fail(not_leader)});
  const auto unheard = proxy_->add({.api = KafkaApi::produce, .fault = KafkaFault::cut_after()});
  const auto producer = make_producer(proxy_->bootstrap());
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  EXPECT_TRUE(unheard.wait_until_applied());
  proxy_->refuse_connections(true);
  proxy_->cut_all();
  write(producer.get(), "two");
  proxy_->refuse_connections(false);
  EXPECT_EQ(commit(producer), nullptr);
  EXPECT_THAT(in_topic(2), ElementsAre("one", "two"));
}

TEST_F(KafkaProxyBroker, a_member_that_is_reported_unknown_joins_again) {
  constexpr std::int16_t unknown_member = 25;
  {
    const auto producer = make_producer(proxy_->bootstrap());
    EXPECT_EQ(begin(producer), nullptr);
    write(producer.get(), "one");
    EXPECT_EQ(commit(producer), nullptr);
  }
  const auto member = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", proxy_->bootstrap()},
                                                      {"group.id", "group"},
                                                      {"heartbeat.interval.ms", "100"},
                                                      {"session.timeout.ms", "6000"},
                                                      {"auto.offset.reset", "earliest"},
                                                      {"enable.auto.commit", "false"}});
  const std::unique_ptr<rd_kafka_topic_partition_list_t, Deleter> topics(
      rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), "events", RD_KAFKA_PARTITION_UA);
  EXPECT_EQ(rd_kafka_subscribe(member.get(), topics.get()), no_error);
  const auto next_value = [&] {
    Message message{rd_kafka_consumer_poll(member.get(), timeout_ms)};
    while (message && is_passing(message->err))
      message.reset(rd_kafka_consumer_poll(member.get(), timeout_ms));
    if (!message || message->err != no_error) return std::string("nothing");
    return std::string(static_cast<const char*>(message->payload), message->len);
  };
  EXPECT_EQ(next_value(), "one");
  const auto joins = proxy_->seen(KafkaApi::join_group);
  const auto unknown = proxy_->add(
      {.api = KafkaApi::heartbeat, .fault = KafkaFault::fail(unknown_member), .group = "group"});
  EXPECT_TRUE(unknown.wait_until_applied());
  // It starts where nothing was committed, so the record comes again.
  EXPECT_EQ(next_value(), "one");
  EXPECT_TRUE(proxy_->wait_until_seen(KafkaApi::join_group, joins + 1));
  EXPECT_EQ(rd_kafka_consumer_close(member.get()), no_error);
}

class KafkaProxyCluster : public KafkaProxyBroker {
 protected:
  void SetUp() override { start(3); }
};

TEST_F(KafkaProxyCluster, clients_stay_behind_the_proxy_though_they_started_from_one_broker) {
  const auto one = cluster_->address().substr(0, cluster_->address().find(','));
  KafkaProxy narrow(one);
  const auto producer = make_producer(narrow.bootstrap());
  const rd_kafka_metadata_t* metadata = nullptr;
  ASSERT_EQ(rd_kafka_metadata(producer.get(), 0, nullptr, &metadata, timeout_ms), no_error);
  std::set<std::string> addresses;
  for (int i = 0; i < metadata->broker_cnt; ++i) {
    addresses.insert(metadata->brokers[i].host + (":" + std::to_string(metadata->brokers[i].port)));
  }
  rd_kafka_metadata_destroy(metadata);
  EXPECT_EQ(addresses.size(), 3U);
  EXPECT_TRUE(addresses.contains(narrow.bootstrap()));
  for (const auto& address : addresses) {
    EXPECT_EQ(cluster_->address().find(address), std::string::npos) << address;
  }
  EXPECT_EQ(begin(producer), nullptr);
  write(producer.get(), "one");
  EXPECT_EQ(commit(producer), nullptr);
  EXPECT_GE(narrow.seen(KafkaApi::produce), 1U);
  EXPECT_GE(narrow.seen(KafkaApi::end_txn), 1U);
  EXPECT_THAT(in_topic(1), ElementsAre("one"));
}

}  // namespace
}  // namespace millrace::testkit
