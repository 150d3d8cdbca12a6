// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/views.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "answer.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/service/entries.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

/// One instance of a service that counts words, with its views.
class Counter {
 public:
  Counter(log::MemoryBroker& broker, const std::string& member, const std::string& topic = "words",
          const stream::Serdes& words = {}, const stream::Serdes& counts = {})
      : log_(broker.connect({.service = "counter", .member = member})) {
    stream::TopologyBuilder builder("counter");
    builder.stream<std::string, std::int64_t>(topic, words).group_by_key().count("counts", counts);
    instance_ = *stream::Instance::open(*log_, *builder.build(), {},
                                        {real_clock(), real_file_system(), random_, {}});
    gate_ = std::make_unique<DurabilityGate>(*log_);
    add_view_routes(router_, *instance_, *log_, *gate_, {});
  }
  void step() { EXPECT_TRUE(instance_->step()); }
  [[nodiscard]] std::size_t share() const {
    const stream::InstanceStatus status = instance_->status();
    return status.ready ? status.tasks.size() : 0;
  }
  http::Response get(const std::string& target) {
    http::Request request;
    request.method = http::Method::get;
    request.target = target;
    const auto match = router_.match(request);
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    std::get<const http::Route*>(match)->handler(request, http::Responder(answer));
    return future.get();
  }

  /// By the typed lookup.
  [[nodiscard]] std::int64_t count_of(const std::string& word) const {
    const auto found = find_entry<std::string, std::int64_t>(*instance_, *log_, "counts", word);
    EXPECT_TRUE(found) << found.error().to_string();
    return found ? found->value.value_or(0) : 0;
  }

 private:
  SeededRandom random_{7};
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<stream::Instance> instance_;
  std::unique_ptr<DurabilityGate> gate_;
  http::Router router_;
};

class Views : public testing::Test {
 protected:
  void SetUp() override {
    write("words", "");
    write("quoted", "\"");
  }
  /// 32 words, each between two of these.
  void write(const std::string& name, const std::string& quote) {
    const auto writer = broker_.connect({.service = "writer", .member = ""});
    const auto topic = writer->create_topic({name, 4, log::TopicKind::events, "writer"});
    ASSERT_TRUE(topic);
    log::Transaction transaction;
    for (int i = 0; i < 32; ++i) {
      const std::string word = quote + "word-" + std::to_string(i) + quote;
      log::HeadersBuilder headers;
      headers.add("ce_id", word).add("ce_source", "/w").add("ce_specversion", "1.0");
      headers.add("ce_type", "int64");
      transaction.append({topic->id, log::partition(partition_of(word, 4))},
                         {1, word, "1", headers.view()});
    }
    ASSERT_TRUE(writer->commit(transaction));
  }

  log::MemoryBroker broker_{real_clock(), false};
};

TEST_F(Views, of_one_instance_are_whole) {
  Counter alone(broker_, "1");
  while (alone.share() < 4) {
    alone.step();
  }
  EXPECT_EQ(alone.get("/views/counts/nothing").status, 404);
  const http::Response range = alone.get("/views/counts");
  EXPECT_EQ(range.status, 200);
  EXPECT_EQ(range.body.find("missing_partitions"), std::string::npos) << range.body;
}

TEST_F(Views, of_two_instances_are_404_with_the_owner_and_503_with_the_other_one) {
  Counter one(broker_, "1");
  Counter two(broker_, "2");
  while (one.share() != 2 || two.share() != 2) {
    one.step();
    two.step();
  }
  for (int i = 0; i < 32; ++i) {
    const std::string target = "/views/counts/nothing-" + std::to_string(i);
    http::Response owner = one.get(target);
    http::Response other = two.get(target);
    if (owner.status == 503) {
      std::swap(owner, other);
    }
    EXPECT_EQ(owner.status, 404) << target << owner.body;
    EXPECT_EQ(other.status, 503) << target << other.body;
    EXPECT_THAT(other.body, HasSubstr("service.not_owner"));
    EXPECT_EQ(other.headers.find("Retry-After"), "1");
  }
}

TEST_F(Views, of_two_instances_name_the_partitions_that_a_range_lacks) {
  Counter one(broker_, "1");
  Counter two(broker_, "2");
  while (one.share() != 2 || two.share() != 2) {
    one.step();
    two.step();
  }
  std::string missing;
  for (Counter* const counter : {&one, &two}) {
    const http::Response range = counter->get("/views/counts");
    EXPECT_EQ(range.status, 200) << range.body;
    const std::size_t at = range.body.find(R"("missing_partitions":")");
    ASSERT_NE(at, std::string::npos) << range.body;
    missing += range.body.substr(at);
  }
  for (const char* const partition : {"0", "1", "2", "3"}) {
    EXPECT_THAT(missing, HasSubstr(partition));
  }
}

TEST_F(Views, of_a_store_with_a_serde_and_of_inputs_with_another_one_for_keys_find_their_owner) {
  const stream::Serdes words = stream::serde(codec::json_serde(), codec::json_serde());
  const stream::Serdes counts = stream::serde(codec::json_serde());
  Counter one(broker_, "1", "quoted", words, counts);
  Counter two(broker_, "2", "quoted", words, counts);
  while (one.share() != 2 || two.share() != 2) {
    one.step();
    two.step();
  }
  const auto partition = [](const std::string& word) {
    return partition_of("\"" + word + "\"", 4);
  };
  for (int round = 0; round < 100; ++round) {
    one.step();
    two.step();
  }
  std::map<std::int32_t, Counter*> owners;
  for (int i = 0; i < 32; ++i) {
    const std::string word = "word-" + std::to_string(i);
    for (Counter* const counter : {&one, &two}) {
      const http::Response found = counter->get("/views/counts/" + word);
      if (found.status != 200) continue;
      EXPECT_EQ(found.body, "1");
      EXPECT_EQ(counter->count_of(word), 1);
      owners[partition(word)] = counter;
    }
  }
  ASSERT_EQ(owners.size(), 4U);
  for (int i = 0; i < 32; ++i) {
    const std::string word = "nothing-" + std::to_string(i);
    EXPECT_EQ(owners.at(partition(word))->get("/views/counts/" + word).status, 404) << word;
  }
}

TEST(StorePartitions, have_a_key_when_its_partition_is_here) {
  StorePartitions partitions;
  EXPECT_FALSE(partitions.has("anna")) << "its inputs are not there yet";
  partitions.count = 4;
  EXPECT_FALSE(partitions.has("anna"));
  partitions.here = {0, 1, 2, 3};
  EXPECT_TRUE(partitions.has("anna"));
}

}  // namespace
}  // namespace millrace::service
