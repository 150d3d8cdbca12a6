// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Segments that a real broker wrote, read from its data directory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "foreign_producer.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

class BrokerSegment : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(shop.on_kafka()) << "run this by tools/with_kafka";
    const char* const cluster = std::getenv("MILLRACE_TEST_KAFKA_DIR");
    ASSERT_NE(cluster, nullptr) << "run this by tools/with_kafka";
    shop.topic("orders", "orders", log::TopicKind::events);
    const std::string& url = shop.url();
    const std::size_t prefix = url.rfind('/') + 1;
    topic = url.substr(prefix, url.find('?') - prefix) + ".orders";
    path = std::string(cluster) + "/broker-1/data/" + topic + "-0/00000000000000000000.log";
  }
  Shop shop;
  std::string topic;
  std::string path;
};

TEST_F(BrokerSegment, shows_transactions_marks_and_what_was_aborted) {
  log::ForeignProducer producer(topic, "none", topic);
  producer.begin();
  producer.put({"kept"});
  producer.commit();
  producer.begin();
  producer.put({"dropped"});
  producer.abort();
  // A broker takes it once the mark of the transaction before is written.
  producer.begin();
  producer.put({"later"});
  const Outcome done = run({"log", "dump", "--segment", path});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_EQ(lines.size(), 11U) << done.out;
  EXPECT_NE(lines[0].find("transaction committed, checksum ok"), std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].ends_with("kept")) << lines[1];
  EXPECT_NE(lines[3].find("commit of producer "), std::string::npos) << lines[3];
  EXPECT_NE(lines[4].find("transaction aborted, checksum ok"), std::string::npos) << lines[4];
  EXPECT_TRUE(lines[5].ends_with("dropped  (aborted)")) << lines[5];
  EXPECT_NE(lines[7].find("abort of producer "), std::string::npos) << lines[7];
  EXPECT_NE(lines[7].find(", coordinator epoch 0"), std::string::npos) << lines[7];
  EXPECT_NE(lines[8].find("transaction open, checksum ok"), std::string::npos) << lines[8];
  EXPECT_TRUE(lines[9].ends_with("later")) << lines[9];
  EXPECT_NE(lines[10].find("(5 batches, 5 records, "), std::string::npos) << lines[10];
  EXPECT_NE(lines[10].find("; 1 aborted)"), std::string::npos) << lines[10];
  producer.commit();
}

TEST_F(BrokerSegment, of_each_codec_is_opened) {
  for (const std::string codec : {"gzip", "snappy", "lz4", "zstd"}) {
    log::ForeignProducer producer(topic, codec, "");
    producer.put({std::string(2000, codec.front()), std::string(2000, codec.front())});
  }
  const Outcome done = run({"log", "dump", "--segment", path, "--json"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  for (const std::string codec : {"gzip", "snappy", "lz4", "zstd"}) {
    EXPECT_NE(done.out.find("\"codec\":\"" + codec + "\""), std::string::npos) << done.out;
    EXPECT_NE(done.out.find("\"value\":\"" + std::string(2000, codec.front()) + "\""),
              std::string::npos)
        << codec;
  }
  EXPECT_NE(done.out.find("\"records\":8,"), std::string::npos);
  EXPECT_NE(done.out.find("\"ok\":true"), std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
