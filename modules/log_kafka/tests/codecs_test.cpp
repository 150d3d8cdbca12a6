// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What the wire client compresses is read by Kafka's own tools.
#include <algorithm>
#include <iterator>
#include <sstream>

#include "kafka_log.hpp"
#include "kafka_tool.hpp"
#include "kafka_world.hpp"
#include "wire/transactional_producer.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

/// A codec and the partition that it gets.
struct CodecOfPartition {
  const char* name;
  KafkaSettings settings;
};

class KafkaCodecs : public KafkaWorld {
 protected:
  /// A handle whose transactions go over the wire client.
  std::unique_ptr<Log> open_with(const KafkaSettings& settings) {
    auto log = open("writer", address(), settings);
    const auto& config = dynamic_cast<const kafka::KafkaLog&>(*log).config();
    const auto producer = kafka::Producer::open_transactional(config, prefix() + ".probe");
    EXPECT_TRUE(producer.has_value()) << producer.error().to_string();
    EXPECT_NE(dynamic_cast<const kafka::wire::TransactionalProducer*>(producer->get()), nullptr);
    return log;
  }
  /// Of each batch of the partitions of a topic, in the words of kafka-dump-log.
  [[nodiscard]] std::vector<std::string> batches_of(const std::string& topic,
                                                    int partitions) const {
    std::string files;
    for (int i = 0; i < partitions; ++i) {
      files += (i == 0 ? "" : ",") + std::string(std::getenv("MILLRACE_TEST_KAFKA_DIR")) +
               "/broker-1/data/" + prefix() + "." + topic + "-" + std::to_string(i) +
               "/00000000000000000000.log";
    }
    std::vector<std::string> batches;
    for (const std::string& line :
         lines_of(run_kafka_tool("tool dump-log --deep-iteration --files '" + files + "'"))) {
      if (line.starts_with("baseOffset: ") && line.find("isControl: false") != std::string::npos)
        batches.push_back(line);
    }
    return batches;
  }
};

TEST_F(KafkaCodecs, what_is_compressed_is_read_by_kafka_s_own_tools_and_by_us) {
  const std::vector<CodecOfPartition> codecs{
      {"none", {}},
      {"gzip", {{"compression.type", "gzip"}}},
      {"snappy", {{"compression.codec", "snappy"}}},
      {"lz4", {{"compression.type", "lz4"}}},
      {"zstd", {{"compression.type", "zstd"}}},
      {"lz4", {{"compression.type", "lz4"}, {"compression.level", "12"}}},
      {"zstd", {{"compression.type", "zstd"}, {"compression.level", "9"}}}};
  const auto partitions = static_cast<std::int32_t>(codecs.size());
  const auto reader = open("reader");
  const TopicPartition topic = make_topic(*reader, "t", partitions);
  // Of several blocks in each codec, and records that lack something.
  std::vector<std::string> values_written;
  for (int i = 0; i < 400; ++i)
    values_written.push_back("order " + std::to_string(i) + " of " + std::to_string(i * i) +
                             std::string(400, 'x'));
  std::vector<std::string> expected;
  for (std::int32_t number = 0; number < partitions; ++number) {
    const auto log = open_with(codecs[static_cast<std::size_t>(number)].settings);
    const TopicPartition at{log->find_topic("t").value().id, partition(number)};
    Transaction transaction;
    for (const std::string& value : values_written)
      transaction.append(at, {1'000, "k", value, {}});
    transaction.append(at, {1'000, "k", "", {}});
    transaction.append(at, {1'000, "k", std::nullopt, {}});
    transaction.append(at, {1'000, std::nullopt, "no key", {}});
    const auto committed = commit_visibly(*log, transaction);
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();

    std::vector<std::string> all = values_written;
    all.insert(all.end(), {"", "null", "no key"});
    EXPECT_EQ(values(*reader, {topic.topic, partition(number)}), all) << number;
    for (std::size_t i = 0; i < all.size(); ++i) {
      expected.push_back("Partition:" + std::to_string(number) + "\tOffset:" + std::to_string(i) +
                         "\t" + (all[i] == "no key" ? "null" : "k") + "\t" + all[i]);
    }
  }

  std::vector<std::string> consumed = lines_of(run_kafka_tool(
      "tool console-consumer --topic " + prefix() +
      ".t --from-beginning --isolation-level "
      "read_committed --timeout-ms 300000 --max-messages " +
      std::to_string(expected.size()) +
      " --formatter-property print.partition=true --formatter-property print.offset=true"
      " --formatter-property print.key=true"));
  // It also remarks on its own version.
  std::erase_if(consumed, [](const std::string& line) { return !line.starts_with("Partition:"); });
  std::sort(expected.begin(), expected.end());
  std::sort(consumed.begin(), consumed.end());
  std::vector<std::string> differences;
  std::set_symmetric_difference(consumed.begin(), consumed.end(), expected.begin(), expected.end(),
                                std::back_inserter(differences));
  EXPECT_THAT(differences, testing::IsEmpty());

  const std::vector<std::string> batches = batches_of("t", partitions);
  ASSERT_EQ(batches.size(), codecs.size());
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    EXPECT_THAT(batches[i], HasSubstr("compresscodec: " + std::string(codecs[i].name) + " "));
    EXPECT_THAT(batches[i], HasSubstr("isvalid: true"));
    EXPECT_THAT(batches[i], HasSubstr("isTransactional: true"));
    EXPECT_THAT(batches[i], HasSubstr("count: 403 "));
  }
}

TEST_F(KafkaCodecs, batches_keep_to_their_size_and_noise_is_written_without_a_codec) {
  const auto log = open_with({{"compression.type", "zstd"}, {"batch.size", "100000"}});
  const TopicPartition at = make_topic(*log, "t");
  std::vector<std::string> written;
  for (int i = 0; i < 9; ++i)
    written.emplace_back(40'000, static_cast<char>('a' + i));
  SeededRandom random(7);
  written.emplace_back();
  while (written.back().size() < 90'000)
    written.back() += static_cast<char>(random.next());
  Transaction transaction;
  for (const std::string& value : written)
    transaction.append(at, {1'000, "k", value, {}});
  const auto committed = commit_visibly(*log, transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_EQ(committed->partitions.at(0).first, offset(0));
  EXPECT_TRUE(values(*log, at) == written);
  // Two values to a batch; the last of them has one, and noise is a batch of its own.
  const std::vector<std::string> batches = batches_of("t", 1);
  EXPECT_THAT(batches, ElementsAre(HasSubstr(" zstd "), HasSubstr(" zstd "), HasSubstr(" zstd "),
                                   HasSubstr(" zstd "), HasSubstr(" zstd "), HasSubstr(" none ")));
}

TEST_F(KafkaCodecs, a_codec_that_kafka_does_not_have_is_refused_when_the_log_is_opened) {
  const auto log = try_open(url() + "?compression.type=lz5", options_of("member"));
  ASSERT_FALSE(log.has_value());
  EXPECT_TRUE(log.error().is(errc::invalid_argument));
  EXPECT_THAT(log.error().message(), HasSubstr("compression.type: 'lz5' is not none, gzip"));
}

}  // namespace
}  // namespace millrace::log
