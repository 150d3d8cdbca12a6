// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Clusters that ask who one is, through the whole backend. Addresses and secrets are those that
// tools/kafka tells of the cluster in MILLRACE_TEST_KAFKA_DIR.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <millrace_test_paths.hpp>

#include "kafka_world.hpp"

namespace millrace::log {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// What `tools/kafka status --json` says, by the last key on the way.
class ClusterStatus {
 public:
  ClusterStatus() {
    const char* const directory = std::getenv("MILLRACE_TEST_KAFKA_DIR");
    if (directory == nullptr) return;
    const std::string command =
        std::string(test::source_dir) + "/tools/kafka status --json --dir '" + directory + "'";
    const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen(command.c_str(), "r"), ::pclose);
    std::array<char, 4096> room;
    while (const std::size_t size = std::fread(room.data(), 1, room.size(), output.get()))
      text_.append(room.data(), size);
  }
  [[nodiscard]] std::string operator[](const std::string& key) const {
    const std::string start = "\"" + key + "\": \"";
    const std::size_t at = text_.find(start);
    EXPECT_NE(at, std::string::npos) << key << " in " << text_;
    if (at == std::string::npos) return {};
    const std::size_t begin = at + start.size();
    return text_.substr(begin, text_.find('"', begin) - begin);
  }

 private:
  std::string text_;
};

class KafkaSecurity : public KafkaWorld {
 protected:
  static const ClusterStatus& status() {
    static const ClusterStatus it;
    return it;
  }
  /// Opens, writes, reads and takes a unit.
  void expect_works(const std::string& url, LogOptions options = options_of("member")) {
    auto log = try_open(url, std::move(options));
    ASSERT_TRUE(log.has_value()) << log.error().to_string();
    Worker worker(*std::move(log), "g", {"u"});
    const TopicPartition place = make_topic(*worker.log, "t");
    ASSERT_TRUE(worker.until_holds(1));
    const auto committed = worker.commit({place}, "v", place, offset(0));
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    EXPECT_THAT(values(*worker.log, place), ElementsAre("v"));
  }
  void expect_refused(const std::string& url, const std::string& word) {
    LogOptions options = options_of("member");
    options.request_timeout_ms = 2'000;
    const auto log = try_open(url, options);
    ASSERT_FALSE(log.has_value());
    EXPECT_TRUE(log.error().is(errc::unavailable) || log.error().is(errc::not_authorized))
        << log.error().to_string();
    EXPECT_THAT(log.error().to_string(), HasSubstr(word));
  }
};

TEST_F(KafkaSecurity, a_password_in_the_url_is_used) {
  expect_works(url(status()["SASL_PLAINTEXT"]) +
               "?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN&sasl.username=millrace"
               "&sasl.password=" +
               status()["password"]);
}

TEST_F(KafkaSecurity, a_file_holds_the_password_and_the_certificates) {
  const std::string file = std::filesystem::temp_directory_path() / (prefix() + ".properties");
  std::ofstream(file) << "# of a test\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n"
                      << "sasl.username=millrace\nsasl.password=" << status()["password"]
                      << "\nssl.ca.location=" << status()["ca"]
                      << "\nssl.certificate.location=" << status()["certificate"]
                      << "\nssl.key.location=" << status()["key"] << "\n";
  expect_works(url(status()["SASL_SSL"]) + "?config=" + file);
  std::filesystem::remove(file);
}

TEST_F(KafkaSecurity, a_certificate_in_the_options_is_used) {
  LogOptions options = options_of("member");
  options.kafka = {{"security.protocol", "SSL"},
                   {"ssl.ca.location", status()["ca"]},
                   {"ssl.certificate.location", status()["certificate"]},
                   {"ssl.key.location", status()["key"]}};
  expect_works(url(status()["SSL"]), options);
}

TEST_F(KafkaSecurity, a_wrong_password_is_told_in_the_broker_s_words_and_without_the_password) {
  const std::string at = url(status()["SASL_PLAINTEXT"]) +
                         "?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN"
                         "&sasl.username=millrace&sasl.password=of-somebody-else";
  expect_refused(at, "Authentication failed: Invalid username or password");
  LogOptions options = options_of("member");
  options.request_timeout_ms = 1'000;
  const auto log = try_open(at, options);
  ASSERT_FALSE(log.has_value());
  EXPECT_THAT(log.error().to_string(), testing::Not(HasSubstr("of-somebody-else")));
}

TEST_F(KafkaSecurity, a_certificate_nobody_knows_is_told) {
  expect_refused(url(status()["SSL"]) + "?security.protocol=SSL", "SSL");
}

TEST_F(KafkaSecurity, a_setting_nobody_knows_is_told) {
  const auto log = try_open(url() + "?sasl.pasword=x", options_of("member"));
  ASSERT_FALSE(log.has_value());
  EXPECT_TRUE(log.error().is(errc::invalid_argument));
  EXPECT_THAT(log.error().to_string(), HasSubstr("sasl.pasword"));
}

}  // namespace
}  // namespace millrace::log
