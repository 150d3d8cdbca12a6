// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Clusters that ask who one is, through the whole backend. Addresses and secrets are those that
// tools/kafka tells of the cluster in MILLRACE_TEST_KAFKA_DIR.
#include <atomic>
#include <filesystem>
#include <fstream>

#include "client_events.hpp"
#include "kafka_tool.hpp"
#include "kafka_world.hpp"
#include "wire/cluster.hpp"
#include "wire/messages.hpp"
#include "wire/transactional_producer.hpp"
#include "wire_broker.hpp"

namespace millrace::log {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// What `tools/kafka status --json` says, by the last key on the way.
class ClusterStatus {
 public:
  ClusterStatus() : text_(run_kafka_tool("status --json")) {}
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

const ClusterStatus& status() {
  static const ClusterStatus it;
  return it;
}

/// The error of a try, which tells what the brokers said if they said it within the time that the
/// try has: the next try has more of it, until the word is there.
Error awaited_error(const std::string& word,
                    const std::function<Error(const std::string& timeout_ms)>& try_for) {
  for (int timeout_ms = 2'000;; timeout_ms *= 4) {
    const Error error = try_for(std::to_string(timeout_ms));
    if (timeout_ms > 100'000 || error.to_string().find(word) != std::string::npos) return error;
  }
}

/// RFC 4648, section 5, without padding.
std::string base64_url(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6)
      out += digits[bits >> static_cast<unsigned>(held - 6) & 63U];
  }
  if (held > 0) out += digits[bits << static_cast<unsigned>(6 - held) & 63U];
  return out;
}

/// A token that Kafka's validator of unsigned tokens takes for so many seconds.
std::string unsigned_token(std::int64_t seconds) {
  const std::int64_t now_s = real_clock().wall_ms() / 1'000;
  return base64_url(R"({"alg":"none"})") + "." +
         base64_url(R"({"sub":"millrace","iat":)" + std::to_string(now_s) + R"(,"exp":)" +
                    std::to_string(now_s + seconds) + "}") +
         ".";
}

const std::string by_token = "?security.protocol=SASL_PLAINTEXT&sasl.mechanism=OAUTHBEARER";

class KafkaSecurity : public KafkaWorld {
 protected:
  /// Opens, writes, reads and takes a task.
  void expect_works(const std::string& url, KafkaSettings settings = {},
                    KafkaTokenSource token = {}) {
    auto log =
        try_open(url, options_of("member"), real_clock(), std::move(settings), std::move(token));
    ASSERT_TRUE(log.has_value()) << log.error().to_string();
    Worker worker(*std::move(log), "g", {"u"});
    const TopicPartition partition = make_topic(*worker.log, "t");
    const TopicPartition other = make_topic(*worker.log, "other");
    ASSERT_TRUE(worker.until_holds(1));
    // Much of it, so that it takes more than one of all there is underneath.
    const std::string large(900'000, 'x');
    const auto committed = worker.commit({partition, other}, large, partition, offset(0));
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    EXPECT_TRUE(values(*worker.log, partition) == std::vector{large});
    const auto next = worker.commit({other}, "v", partition, offset(1));
    ASSERT_TRUE(next.has_value()) << next.error().to_string();
    EXPECT_TRUE((values(*worker.log, other) == std::vector<std::string>{large, "v"}));
    EXPECT_EQ(position(*worker.log, worker.group, partition), offset(1));
  }
  void expect_refused(const std::string& url, const std::string& word,
                      const KafkaTokenSource& token = {}) {
    const Error error = awaited_error(word, [&](const std::string& timeout_ms) {
      const auto log = try_open(url, options_of("member"), real_clock(),
                                {{"millrace.request.timeout.ms", timeout_ms}}, token);
      EXPECT_FALSE(log.has_value());
      return log ? Error(errc::closed, "it was let in") : log.error();
    });
    EXPECT_TRUE(error.is(errc::unavailable) || error.is(errc::not_authorized)) << error.to_string();
    EXPECT_THAT(error.to_string(), HasSubstr(word));
    EXPECT_THAT(error.to_string(), testing::Not(HasSubstr("of-somebody-else")));
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
  expect_works(url(status()["SSL"]), {{"security.protocol", "SSL"},
                                      {"ssl.ca.location", status()["ca"]},
                                      {"ssl.certificate.location", status()["certificate"]},
                                      {"ssl.key.location", status()["key"]}});
}

TEST_F(KafkaSecurity, a_key_store_is_used) {
  const std::string store = std::filesystem::temp_directory_path() / (prefix() + ".p12");
  const std::string command = "openssl pkcs12 -export -passout pass:word -in '" +
                              status()["certificate"] + "' -inkey '" + status()["key"] +
                              "' -out '" + store + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  expect_works(url(status()["SSL"]), {{"security.protocol", "SSL"},
                                      {"ssl.ca.location", status()["ca"]},
                                      {"ssl.keystore.location", store},
                                      {"ssl.keystore.password", "word"}});
  std::filesystem::remove(store);
}

TEST_F(KafkaSecurity, a_token_in_a_file_is_used) {
  const std::string file = std::filesystem::temp_directory_path() / (prefix() + ".token");
  std::ofstream(file) << unsigned_token(3'600) << "\n";
  expect_works(url(status()["SASL_PLAINTEXT"]) + by_token +
               "&sasl.oauthbearer.token.endpoint.url=file://" + file);
  std::filesystem::remove(file);
}

TEST_F(KafkaSecurity, a_token_of_a_function_is_used) {
  expect_works(url(status()["SASL_PLAINTEXT"]) + by_token, {},
               []() -> Result<std::string> { return unsigned_token(3'600); });
}

TEST_F(KafkaSecurity, a_wrong_token_is_reported_in_the_broker_s_words_and_without_the_token) {
  expect_refused(url(status()["SASL_PLAINTEXT"]) + by_token, "invalid_token",
                 []() -> Result<std::string> { return "of-somebody-else"; });
}

TEST_F(KafkaSecurity, a_token_that_nobody_has_is_reported_in_the_words_of_the_function) {
  const Error error = awaited_error("the issuer is away", [&](const std::string& timeout_ms) {
    // The first one is for the wire client, when the log is opened; librdkafka gets none.
    std::atomic<int> calls = 0;
    const auto log =
        try_open(url(status()["SASL_PLAINTEXT"]) + by_token, options_of("member"), real_clock(),
                 {{"millrace.request.timeout.ms", timeout_ms}}, [&]() -> Result<std::string> {
                   if (calls++ == 0) return unsigned_token(3'600);
                   return fail(errc::unavailable, "the issuer is away");
                 });
    EXPECT_GT(calls, 1);
    EXPECT_FALSE(log.has_value());
    return log ? Error(errc::closed, "it was let in") : log.error();
  });
  EXPECT_TRUE(error.is(errc::unavailable)) << error.to_string();
  EXPECT_THAT(error.to_string(), HasSubstr("the client says: "));
  EXPECT_THAT(error.to_string(), HasSubstr("the issuer is away"));
}

TEST_F(KafkaSecurity, a_wrong_password_is_reported_in_the_broker_s_words_and_without_the_password) {
  expect_refused(url(status()["SASL_PLAINTEXT"]) +
                     "?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN"
                     "&sasl.username=millrace&sasl.password=of-somebody-else",
                 "Authentication failed: Invalid username or password");
}

TEST_F(KafkaSecurity, a_certificate_nobody_knows_is_reported) {
  expect_refused(url(status()["SSL"]) + "?security.protocol=SSL", "SSL");
}

TEST_F(KafkaSecurity, a_setting_nobody_knows_is_reported) {
  const auto log = try_open(url() + "?sasl.pasword=x", options_of("member"));
  ASSERT_FALSE(log.has_value());
  EXPECT_TRUE(log.error().is(errc::invalid_argument));
  EXPECT_THAT(log.error().to_string(), HasSubstr("sasl.pasword"));
}

TEST_F(KafkaSecurity, a_file_that_is_not_there_is_reported) {
  const auto log =
      try_open(url(status()["SSL"]) + "?security.protocol=ssl&ssl.ca.location=/no/such/ca.pem",
               options_of("member"));
  ASSERT_FALSE(log.has_value());
  EXPECT_TRUE(log.error().is(errc::invalid_argument));
  EXPECT_THAT(log.error().to_string(), HasSubstr("ssl.ca.location"));
}

/// Connections alone: whom librdkafka does not let in does not get as far as to them.
class KafkaWireSecurity : public KafkaWorld {
 protected:
  static kafka::Settings account(const std::string& mechanism, const std::string& password) {
    return {{"sasl.mechanism", mechanism},
            {"sasl.username", "millrace"},
            {"sasl.password", password},
            {"ssl.ca.location", status()["ca"]}};
  }
  static std::unique_ptr<kafka::wire::Connection> connect(const std::string& listener,
                                                          const kafka::Settings& settings,
                                                          const KafkaTokenSource& token = {}) {
    const auto security = kafka::wire::Security::open(settings, token);
    EXPECT_TRUE(security.has_value()) << security.error().to_string();
    const std::string broker = status()[listener];
    const std::size_t colon = broker.find(':');
    const net::Address address{broker.substr(0, colon), std::stoi(broker.substr(colon + 1))};
    return std::make_unique<kafka::wire::Connection>(address, "test", real_clock(),
                                                     security->get());
  }
  /// Whether a broker responds to a question over it.
  static bool is_answered(kafka::wire::Connection& connection) {
    connection.send(
        kafka::wire::Api::find_coordinator,
        kafka::wire::find_coordinator("any", kafka::wire::CoordinatorKind::transaction));
    const auto answer = kafka::wire::answer_of(connection);
    return answer && kafka::wire::read_coordinator(answer->body);
  }
  /// Why it is not, or nothing.
  static std::string refusal(const std::string& listener, kafka::Settings settings) {
    settings.emplace_back("security.protocol", listener);
    const auto connection = connect(listener, settings);
    return is_answered(*connection) ? "" : connection->error().to_string();
  }
};

TEST_F(KafkaWireSecurity, each_mechanism_lets_the_right_password_in_and_no_other) {
  for (const std::string listener : {"SASL_PLAINTEXT", "SASL_SSL"}) {
    for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256"}) {
      EXPECT_EQ(refusal(listener, account(mechanism, status()["password"])), "") << mechanism;
      const std::string why = refusal(listener, account(mechanism, "of-somebody-else"));
      EXPECT_THAT(why, HasSubstr("SASL " + mechanism + ": Authentication failed"));
      EXPECT_THAT(why, testing::Not(HasSubstr("of-somebody-else")));
    }
    EXPECT_THAT(refusal(listener, account("SCRAM-SHA-512", status()["password"])),
                HasSubstr("it takes PLAIN, SCRAM-SHA-256, OAUTHBEARER"));
  }
}

TEST_F(KafkaWireSecurity, a_token_is_taken_until_it_expires) {
  for (const std::string listener : {"SASL_PLAINTEXT", "SASL_SSL"}) {
    const kafka::Settings settings = {{"security.protocol", listener},
                                      {"sasl.mechanism", "OAUTHBEARER"},
                                      {"ssl.ca.location", status()["ca"]}};
    std::string token = unsigned_token(3'600);
    const KafkaTokenSource source = [&]() -> Result<std::string> { return token; };
    const auto connection = connect(listener, settings, source);
    EXPECT_TRUE(is_answered(*connection)) << connection->error().to_string();
    token = unsigned_token(-3'600);
    const auto late = connect(listener, settings, source);
    EXPECT_FALSE(is_answered(*late));
    EXPECT_THAT(
        late->error().to_string(),
        HasSubstr(
            R"(the broker refuses the token, its own log says more: {"status":"invalid_token")"));
  }
}

TEST_F(KafkaWireSecurity, brokers_of_another_authority_are_refused_unless_nobody_is_verified) {
  EXPECT_THAT(refusal("SSL", {}), HasSubstr("certificate verify failed"));
  EXPECT_EQ(refusal("SSL", {{"enable.ssl.certificate.verification", "false"}}), "");
  EXPECT_EQ(refusal("SSL", {{"ssl.ca.location", status()["ca"]}}), "");
}

TEST_F(KafkaWireSecurity, listeners_of_another_kind_are_distinguished) {
  const auto at = [](const std::string& listener, const std::string& protocol) {
    const auto connection = connect(listener, {{"security.protocol", protocol}});
    EXPECT_FALSE(is_answered(*connection));
    return connection->error().to_string();
  };
  EXPECT_THAT(at("PLAINTEXT", "ssl"),
              AnyOf(HasSubstr("during the TLS handshake"), HasSubstr("wrong version number")));
  EXPECT_THAT(at("SSL", "plaintext"), AnyOf(HasSubstr("does not speak Kafka's protocol"),
                                            HasSubstr("closed the connection")));
}

TEST_F(KafkaWireSecurity, a_client_that_is_not_let_in_gets_the_reason_when_the_time_is_over) {
  const std::string word = "SASL mechanism PLAIN: ";
  const Error error = awaited_error(word, [&](const std::string& timeout_ms) {
    const LogOptions options = options_of("member");
    const kafka::Url parsed =
        kafka::parse_url(url() + "?millrace.request.timeout.ms=" + timeout_ms).value();
    kafka::ClientConfig config(parsed, options, real_clock());
    kafka::ClientEvents events(config);
    const auto client = config.make(RD_KAFKA_PRODUCER, {}, {}, events);
    EXPECT_TRUE(client.has_value()) << client.error().to_string();
    config.cluster()->served_by(client->get());
    // Of the other listener, which speaks no SASL; librdkafka is let in.
    kafka::Settings settings = account("PLAIN", status()["password"]);
    settings.emplace_back("security.protocol", "sasl_plaintext");
    config.cluster()->secured_by(kafka::wire::Security::open(settings).value());
    const auto producer = kafka::wire::TransactionalProducer::open(config, prefix());
    EXPECT_FALSE(producer.has_value());
    return producer ? Error(errc::closed, "it was let in") : producer.error();
  });
  EXPECT_TRUE(error.is(errc::unavailable)) << error.to_string();
  EXPECT_THAT(error.to_string(), HasSubstr(word));
}

TEST_F(KafkaWireSecurity, sessions_that_end_in_between_cost_no_commit) {
  kafka::Settings settings = account("PLAIN", status()["password"]);
  settings.emplace_back("security.protocol", "SASL_SSL");
  auto watched = connect("SASL_SSL", settings);
  ASSERT_TRUE(is_answered(*watched)) << watched->error().to_string();
  if (!watched->session_end_ns()) GTEST_SKIP() << "the cluster lets sessions last";
  auto log = try_open(url(status()["SASL_SSL"]), options_of("member"), real_clock(), settings);
  ASSERT_TRUE(log.has_value()) << log.error().to_string();
  Worker worker(*std::move(log), "g", {"u"});
  const TopicPartition partition = make_topic(*worker.log, "t");
  ASSERT_TRUE(worker.until_holds(1));
  std::vector<std::string> written;
  for (int sessions = 0; sessions < 3;) {
    written.push_back(std::to_string(written.size()));
    const auto committed =
        worker.commit({partition}, written.back(), partition, offset(std::ssize(written)));
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    worker.obey();
    worker.pause(partition);
    watched->advance();
    if (!watched->is_broken()) continue;
    EXPECT_THAT(watched->error().to_string(), HasSubstr("the session ends"));
    ++sessions;
    watched = connect("SASL_SSL", settings);
    ASSERT_TRUE(is_answered(*watched)) << watched->error().to_string();
  }
  EXPECT_EQ(values(*worker.log, partition), written);
}

}  // namespace
}  // namespace millrace::log
