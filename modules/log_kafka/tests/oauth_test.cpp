// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Logging in by a token, without a cluster: brokers here are sockets that say what a test wants.
#include <gmock/gmock.h>

#include <stdexcept>

#include "client_events.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/log/errors.hpp"
#include "token_file.hpp"
#include "token_guard.hpp"
#include "wire/security.hpp"
#include "wire_broker.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Settings by_token(const Settings& more = {}) {
  Settings settings = {{"security.protocol", "sasl_plaintext"}, {"sasl.mechanism", "OAUTHBEARER"}};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

Settings by_file(const std::string& url) {
  return by_token({{"sasl.oauthbearer.token.endpoint.url", url}});
}

std::string message_with(const std::string& token) {
  return std::string("n,,\x01") + "auth=Bearer " + token + "\x01\x01";
}

/// Lets a connection in and responds to one request; what it logged in with.
std::string let_in(int socket) {
  answer_versions(socket);
  answer_handshake(socket, "OAUTHBEARER");
  const std::string said = answer_authenticate(socket, "");
  const Request request = read_request(socket);
  write_all(socket, frame_of(request.number, "yes"));
  return said;
}

class TokenFile : public testing::Test {
 protected:
  void write(const std::string& content) {
    const Status written = write_file_atomically(files_, "/token", content);
    EXPECT_TRUE(written.has_value()) << written.error().to_string();
  }
  Result<std::shared_ptr<const Security>> open(const std::string& url = "file:///token") {
    const Settings settings = by_file(url);
    return Security::open(settings, token_file(settings, files_));
  }
  /// Why a file of this content is refused.
  std::string refusal(const std::string& content) {
    write(content);
    const auto opened = open();
    EXPECT_FALSE(opened.has_value());
    if (opened) return {};
    EXPECT_TRUE(opened.error().is(errc::invalid_argument));
    return opened.error().message();
  }

  FaultFileSystem files_;
};

TEST_F(TokenFile, is_read_again_for_each_connection) {
  write("first\n");
  const auto security = open();
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  for (const std::string token : {"first", "second"}) {
    write("  " + token + "\r\n");
    std::string said;
    {
      const Broker broker([&](int socket) { said = let_in(socket); });
      Connection connection(broker.address(), "test", real_clock(), security->get());
      connection.send(Api::end_txn, 2, "");
      ASSERT_TRUE(answer_of(connection).has_value()) << connection.error().to_string();
    }
    EXPECT_EQ(said, message_with(token));
  }
}

TEST_F(TokenFile, that_is_gone_keeps_a_connection_from_being_made_and_is_named) {
  write("token");
  const auto security = open();
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  ASSERT_TRUE(files_.remove("/token").has_value());
  const Broker broker([](int socket) { EXPECT_TRUE(read_exactly(socket, 1).empty()); });
  Connection connection(broker.address(), "test", real_clock(), security->get());
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_TRUE(connection.error().is(errc::unavailable));
  EXPECT_THAT(
      connection.error().message(),
      AllOf(HasSubstr(broker.address().text()),
            HasSubstr("kafka setting sasl.oauthbearer.token.endpoint.url"), HasSubstr("/token")));
}

TEST_F(TokenFile, that_is_gone_lets_a_session_last_until_the_broker_ends_it) {
  write("token");
  const auto security = open();
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  for (const bool comes_back : {false, true}) {
    const Broker broker([](int socket) {
      answer_versions(socket);
      answer_handshake(socket, "OAUTHBEARER");
      answer_authenticate(socket, "", 0, {}, 600'000);  // ten minutes
      const Request request = read_request(socket);
      write_all(socket, frame_of(request.number, "yes"));
      EXPECT_TRUE(read_exactly(socket, 1).empty());
    });
    ManualClock clock;
    Connection connection(broker.address(), "test", clock, security->get());
    connection.send(Api::end_txn, 2, "");
    ASSERT_TRUE(answer_of(connection).has_value()) << connection.error().to_string();
    ASSERT_TRUE(files_.remove("/token").has_value());
    clock.advance_ms(599'999);
    connection.advance();
    EXPECT_FALSE(connection.is_broken());
    write("token");
    if (!comes_back) {
      ASSERT_TRUE(files_.remove("/token").has_value());
      clock.advance_ms(1);
    }
    connection.advance();
    ASSERT_TRUE(connection.is_broken());
    EXPECT_THAT(connection.error().message(), HasSubstr("the session ends"));
    write("token");
  }
}

TEST_F(TokenFile, that_cannot_be_used_is_refused_when_the_log_is_opened) {
  const auto missing = open("file:///no/such");
  ASSERT_FALSE(missing.has_value());
  EXPECT_TRUE(missing.error().is(errc::invalid_argument));
  EXPECT_THAT(missing.error().message(),
              AllOf(HasSubstr("sasl.oauthbearer.token.endpoint.url"), HasSubstr("/no/such")));
  for (const std::string content : {"", " \n", "two words",
                                    "a\x01"
                                    "auth=b"})
    EXPECT_THAT(refusal(content), HasSubstr("/token does not hold a bearer token"));
  EXPECT_THAT(refusal("secret token"), Not(HasSubstr("secret")));
}

TEST_F(TokenFile, is_named_by_a_url_with_percent_escapes) {
  ASSERT_TRUE(write_file_atomically(files_, "/a token", "here").has_value());
  const KafkaTokenSource source = token_file(by_file("file:///a%20token"), files_);
  ASSERT_TRUE(source);
  EXPECT_EQ(source().value(), "here");
  for (const char* const same : {"file:/a%20token", "file://localhost/a%20token"})
    EXPECT_EQ(path_of_token(same), "/a token") << same;
  for (const char* const other : {"https://issuer/token", "/token", "file://host/token",
                                  "file:////token", "file:///%zz", "file:", ""}) {
    EXPECT_EQ(path_of_token(other), std::nullopt) << other;
    EXPECT_FALSE(token_file(by_file(other), files_)) << other;
  }
}

TEST_F(TokenFile, that_is_named_in_another_way_is_a_mistake_and_no_timeout) {
  for (const char* const other : {"/token", "file://run/token", "file:///%zz"}) {
    const ClientConfig config(Url{"localhost:1", "", by_file(other)}, LogOptions{}, real_clock(),
                              token_file(by_file(other), files_));
    const Status status = config.check();
    ASSERT_FALSE(status.has_value()) << other;
    EXPECT_TRUE(status.error().is(errc::invalid_argument)) << status.error().to_string();
    EXPECT_THAT(status.error().message(),
                AllOf(HasSubstr("sasl.oauthbearer.token.endpoint.url"), HasSubstr("file:///PATH")));
  }
}

TEST(Token, of_a_function_is_asked_for_when_a_connection_logs_in) {
  int calls = 0;
  const auto security = Security::open(
      by_token(), [&]() -> Result<std::string> { return "t" + std::to_string(++calls); });
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  const int before = calls;
  std::string said;
  {
    const Broker broker([&](int socket) { said = let_in(socket); });
    Connection connection(broker.address(), "test", real_clock(), security->get());
    connection.send(Api::end_txn, 2, "");
    ASSERT_TRUE(answer_of(connection).has_value()) << connection.error().to_string();
  }
  EXPECT_GT(calls, before);
  EXPECT_EQ(said, message_with("t" + std::to_string(calls)));
}

TEST(Token, is_sent_with_the_extensions_of_the_settings) {
  const auto open = [](const std::string& extensions) {
    return Security::open(by_token({{"sasl.oauthbearer.extensions", extensions}}),
                          []() -> Result<std::string> { return "t"; });
  };
  const auto security = open("logicalCluster=lkc-1,poolId=a=b");
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  std::string said;
  {
    const Broker broker([&](int socket) { said = let_in(socket); });
    Connection connection(broker.address(), "test", real_clock(), security->get());
    connection.send(Api::end_txn, 2, "");
    ASSERT_TRUE(answer_of(connection).has_value()) << connection.error().to_string();
  }
  EXPECT_EQ(said, message_with("t\x01logicalCluster=lkc-1\x01poolId=a=b"));
  for (const char* const wrong : {"auth=x", "a", "a=", "=x", "a1=x", "a=x,,b=y"}) {
    const auto refused = open(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("sasl.oauthbearer.extensions"));
  }
}

TEST(Token, that_is_refused_is_reported_with_the_status_of_the_broker_and_without_the_token) {
  const std::string reason = R"({"status":"invalid_token"})";
  const Broker broker([&](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "OAUTHBEARER");
    answer_authenticate(socket, reason);
    EXPECT_EQ(answer_authenticate(socket, "", 58, reason), "\x01");
  });
  const auto security =
      Security::open(by_token(), []() -> Result<std::string> { return "secret"; });
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  Connection connection(broker.address(), "test", real_clock(), security->get());
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_TRUE(connection.error().is(errc::unavailable));
  EXPECT_THAT(connection.error().message(),
              AllOf(HasSubstr("SASL OAUTHBEARER: the broker refuses the token"), HasSubstr(reason),
                    Not(HasSubstr("secret"))));
}

TEST(Token, that_is_missing_or_of_another_kind_is_named) {
  const auto missing = Security::open(by_token());
  ASSERT_FALSE(missing.has_value());
  EXPECT_TRUE(missing.error().is(errc::invalid_argument));
  EXPECT_THAT(missing.error().message(), HasSubstr("sasl.oauthbearer.token.endpoint.url"));
  const auto beyond = [](const Settings& more) {
    return Security::beyond(by_token(more)).value_or("nothing");
  };
  EXPECT_EQ(beyond({}), "nothing");
  EXPECT_EQ(beyond({{"sasl.oauthbearer.token.endpoint.url", "file:///token"},
                    {"sasl.oauthbearer.method", "default"}}),
            "nothing");
  EXPECT_EQ(beyond({{"sasl.oauthbearer.method", "oidc"}}), "sasl.oauthbearer.method oidc");
  EXPECT_EQ(beyond({{"sasl.oauthbearer.token.endpoint.url", "https://issuer/token"}}),
            "sasl.oauthbearer.token.endpoint.url");
  EXPECT_EQ(beyond({{"sasl.oauthbearer.extensions", "logicalCluster=x"}}), "nothing");
  EXPECT_EQ(beyond({{"enable.sasl.oauthbearer.unsecure.jwt", "true"}}),
            "enable.sasl.oauthbearer.unsecure.jwt");
}

TEST(TokenGuard, leaves_a_source_alone_for_a_second_after_a_failure) {
  ManualClock clock;
  int calls = 0;
  bool works = false;
  const KafkaTokenSource source = guarded(
      [&]() -> Result<std::string> {
        ++calls;
        if (works) return "token";
        return fail(errc::unavailable, "");
      },
      clock);
  for (int i = 0; i < 3; ++i) {
    const auto token = source();
    ASSERT_FALSE(token.has_value());
    EXPECT_TRUE(token.error().is(errc::unavailable));
    EXPECT_THAT(token.error().message(), HasSubstr("failed without a message"));
  }
  EXPECT_EQ(calls, 1);
  works = true;
  clock.advance_ms(999);
  EXPECT_FALSE(source().has_value());
  clock.advance_ms(1);
  EXPECT_EQ(source().value(), "token");
  EXPECT_EQ(source().value(), "token");
  EXPECT_EQ(calls, 3);
}

TEST(TokenGuard, lets_no_exception_and_nothing_else_than_tokens_through) {
  ManualClock clock;
  const auto thrown =
      guarded([]() -> Result<std::string> { throw std::runtime_error("no issuer"); }, clock)();
  ASSERT_FALSE(thrown.has_value());
  EXPECT_THAT(thrown.error().message(), HasSubstr("no issuer"));
  for (const char* const text : {"",
                                 "s\x01"
                                 "ecret",
                                 "\xEF\xBB\xBFsecret", "secret\n"}) {
    const auto token = guarded([&]() -> Result<std::string> { return text; }, clock)();
    ASSERT_FALSE(token.has_value());
    EXPECT_THAT(token.error().message(),
                AllOf(HasSubstr("not a bearer token"), Not(HasSubstr("ecret"))));
  }
  EXPECT_FALSE(guarded({}, clock));
}

// What librdkafka says of a token that it does not take has the token in it.
TEST(Token, that_librdkafka_cannot_take_is_reported_without_it) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer does not know the threads that librdkafka starts";
#endif
  const ClientConfig config(Url{"localhost:1", "", by_token()}, LogOptions{}, real_clock(),
                            []() -> Result<std::string> {
                              return "s\x01"
                                     "ecret";
                            });
  EXPECT_FALSE(config.check().has_value());
  ClientEvents events(config);
  const auto client = config.make(RD_KAFKA_PRODUCER, {}, {}, events);
  ASSERT_TRUE(client.has_value()) << client.error().to_string();
  for (int i = 0; i < 600 && events.last_error.text().find("token") == std::string::npos; ++i)
    rd_kafka_poll(client->get(), 100);
  EXPECT_THAT(events.last_error.text(),
              AllOf(HasSubstr("not a bearer token"), Not(HasSubstr("ecret"))));
}

TEST(Token, counts_only_where_one_logs_in_by_it) {
  const KafkaTokenSource source = []() -> Result<std::string> { return "t"; };
  const auto has_token = [&](const Settings& settings) {
    return static_cast<bool>(
        ClientConfig(Url{"localhost:1", "", settings}, LogOptions{}, real_clock(), source).token());
  };
  EXPECT_TRUE(has_token(by_token()));
  EXPECT_FALSE(has_token({}));
  EXPECT_FALSE(has_token({{"sasl.mechanism", "OAUTHBEARER"}}));
}

}  // namespace
}  // namespace millrace::log::kafka::wire
