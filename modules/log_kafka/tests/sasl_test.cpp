// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Logging in, without a cluster: brokers here are sockets that say what a test wants.
#include <gmock/gmock.h>

#include <set>

#include "client_events.hpp"
#include "millrace/log/errors.hpp"
#include "wire/cluster.hpp"
#include "wire/security.hpp"
#include "wire_broker.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const Security> security_of(const Settings& more = {}) {
  Settings settings = {{"security.protocol", "SASL_PLAINTEXT"},
                       {"sasl.mechanism", "PLAIN"},
                       {"sasl.username", "me"},
                       {"sasl.password", "secret"}};
  settings.insert(settings.end(), more.begin(), more.end());
  auto made = Security::open(settings);
  EXPECT_TRUE(made.has_value()) << made.error().to_string();
  return made.value_or(nullptr);
}

TEST(Login, nothing_else_goes_out_before_it_and_then_all_in_order) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "PLAIN");
    EXPECT_EQ(answer_authenticate(socket, ""), std::string("\0me\0secret", 10));
    for (const char* const expected : {"one", "two", "three"}) {
      const Request request = read_request(socket);
      EXPECT_EQ(request.api, Api::end_txn);
      EXPECT_EQ(request.body, expected);
      write_all(socket, frame_of(request.number, request.body));
    }
  });
  const auto security = security_of();
  Connection connection(broker.address(), "test", real_clock(), security.get());
  const auto first = connection.send(Api::end_txn, 2, "one");
  const auto second = connection.send(Api::end_txn, 2, "two");
  EXPECT_EQ(connection.waiting(), 3U);
  EXPECT_TRUE(connection.waiting_since_ns().has_value());
  auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->number, first);
  EXPECT_EQ(answer->body, "one");
  answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->number, second);
  const auto third = connection.send(Api::end_txn, 2, "three");
  answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->number, third);
  EXPECT_EQ(connection.waiting(), 0U);
}

TEST(Login, a_request_larger_than_the_buffers_of_a_socket_waits_for_it) {
  const std::string large(20U << 20U, 'x');
  const Broker broker([&](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "PLAIN");
    answer_authenticate(socket, "");
    const Request request = read_request(socket);
    write_all(socket, frame_of(request.number, request.body == large ? "same" : "other"));
  });
  const auto security = security_of();
  Connection connection(broker.address(), "test", real_clock(), security.get());
  connection.send(Api::produce, 8, large);
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->body, "same");
}

TEST(Login, a_wrong_password_is_reported_in_the_broker_s_words_without_the_password) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "PLAIN");
    answer_authenticate(socket, "", 58, "Authentication failed: Invalid username or password");
  });
  const auto security = security_of();
  Connection connection(broker.address(), "test", real_clock(), security.get());
  connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_TRUE(connection.error().is(errc::unavailable));
  EXPECT_THAT(connection.error().message(),
              HasSubstr("Authentication failed: Invalid username or password"));
  EXPECT_THAT(connection.error().message(), HasSubstr(broker.address().text()));
  EXPECT_THAT(connection.error().message(), Not(HasSubstr("secret")));
}

TEST(Login, a_mechanism_the_broker_does_not_take_is_reported_with_those_it_takes) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "PLAIN", 33);
  });
  const auto security = security_of();
  Connection connection(broker.address(), "test", real_clock(), security.get());
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("UNSUPPORTED_SASL_MECHANISM"));
  EXPECT_THAT(connection.error().message(), HasSubstr("it takes SCRAM-SHA-256, GSSAPI"));
}

TEST(Login, a_broker_that_does_not_prove_itself_gets_no_requests) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "SCRAM-SHA-512");
    // The client's nonce is what stands behind r= in what it says first.
    const Request request = read_request(socket);
    Decoder in(request.body);
    const std::string said(in.bytes());
    Encoder out;
    out.number<std::int16_t>(0);
    out.null_string();
    out.bytes("r=" + said.substr(said.find("r=") + 2) + "x,s=AAAA,i=4096");
    out.number<std::int64_t>(0);
    write_all(socket, frame_of(request.number, out.take()));
    answer_authenticate(socket, "v=AAAA");
    EXPECT_TRUE(read_exactly(socket, 1).empty());
  });
  const auto security = security_of({{"sasl.mechanisms", "SCRAM-SHA-512"}});
  Connection connection(broker.address(), "test", real_clock(), security.get());
  connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("does not know the password"));
}

TEST(Login, an_answer_that_is_cut_is_refused) {
  for (const bool in_handshake : {true, false}) {
    const Broker broker([=](int socket) {
      answer_versions(socket);
      if (!in_handshake) answer_handshake(socket, "PLAIN");
      const Request request = read_request(socket);
      write_all(socket, frame_of(request.number, std::string(1, '\0')));
    });
    const auto security = security_of();
    Connection connection(broker.address(), "test", real_clock(), security.get());
    EXPECT_FALSE(answer_of(connection).has_value());
    EXPECT_THAT(connection.error().message(), HasSubstr("cannot be read"));
  }
}

TEST(Login, a_session_is_ended_when_nothing_is_under_way) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    answer_handshake(socket, "PLAIN");
    answer_authenticate(socket, "", 0, {}, 600'000);  // ten minutes
    for (int i = 0; i < 2; ++i) {
      const Request request = read_request(socket);
      write_all(socket, frame_of(request.number, "yes"));
    }
    EXPECT_TRUE(read_exactly(socket, 1).empty());
  });
  const auto security = security_of();
  ManualClock clock;
  const std::int64_t login_ns = clock.monotonic_ns();
  Connection connection(broker.address(), "test", clock, security.get());
  connection.send(Api::end_txn, 2, "");
  ASSERT_TRUE(answer_of(connection).has_value()) << connection.error().to_string();
  const std::int64_t left_ms = session_left_ms(600'000, login_ns);
  EXPECT_EQ(connection.session_end_ns(), login_ns + (600'000 - left_ms) * 1'000'000);
  clock.advance_ms(600'000 - left_ms - 1);
  connection.advance();
  EXPECT_FALSE(connection.is_broken());
  connection.send(Api::end_txn, 2, "");
  clock.advance_ms(1);
  // What was asked in time is still answered.
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->body, "yes");
  connection.advance();
  ASSERT_TRUE(connection.is_broken());
  EXPECT_THAT(connection.error().message(), HasSubstr("the session ends"));
  EXPECT_EQ(connection.waiting(), 0U);
}

TEST(Login, sessions_that_began_together_do_not_end_together) {
  std::set<std::int64_t> left;
  for (std::int64_t login_ns = 5'000'000'000; login_ns < 5'000'000'100; ++login_ns)
    left.insert(session_left_ms(600'000, login_ns));
  EXPECT_GE(*left.begin(), 60'000);
  EXPECT_LE(*left.rbegin(), 120'000);
  EXPECT_GT(*left.rbegin() - *left.begin(), 50'000);
  EXPECT_GT(left.size(), 90U);
}

TEST(Security, settings_with_no_meaning_here_are_named) {
  const auto beyond = [](Settings settings) {
    return Security::beyond(settings).value_or("nothing");
  };
  EXPECT_EQ(beyond({}), "nothing");
  EXPECT_EQ(beyond({{"security.protocol", "Sasl_Ssl"},
                    {"sasl.mechanisms", "SCRAM-SHA-256"},
                    {"ssl.ca.location", "/x"},
                    {"sasl.username", "u"}}),
            "nothing");
  EXPECT_EQ(beyond({{"security.protocol", "sasl_ssl"}}), "sasl.mechanism GSSAPI");
  EXPECT_EQ(beyond({{"security.protocol", "ssl"}, {"ssl.keystore.location", "/x.p12"}}), "nothing");
  EXPECT_EQ(beyond({{"security.protocol", "ssl"}, {"ssl.engine.location", "/x.so"}}),
            "ssl.engine.location");
  // What is not used has no meaning.
  EXPECT_EQ(beyond({{"ssl.engine.location", "/x.so"}, {"sasl.mechanism", "GSSAPI"}}), "nothing");
}

TEST(Security, what_is_missing_or_wrong_is_refused_by_name) {
  const auto refused = [](Settings settings) {
    const auto made = Security::open(settings);
    EXPECT_FALSE(made.has_value());
    if (made) return std::string();
    EXPECT_TRUE(made.error().is(errc::invalid_argument));
    return made.error().message();
  };
  const auto sasl = [&](Settings more) {
    more.insert(more.begin(),
                {{"security.protocol", "sasl_plaintext"}, {"sasl.mechanism", "PLAIN"}});
    return refused(more);
  };
  EXPECT_THAT(sasl({}), HasSubstr("sasl.username: PLAIN needs one"));
  EXPECT_THAT(sasl({{"sasl.username", "u"}}), HasSubstr("sasl.password: PLAIN needs one"));
  const auto tls = [&](const std::string& name, const std::string& value) {
    return refused({{"security.protocol", "ssl"}, {name, value}});
  };
  EXPECT_THAT(tls("enable.ssl.certificate.verification", "no"),
              HasSubstr("enable.ssl.certificate.verification: it is true or false"));
  EXPECT_THAT(tls("ssl.endpoint.identification.algorithm", "http"), HasSubstr("https or none"));
  EXPECT_THAT(
      tls("ssl.ca.location", "/no/such/file"),
      testing::AllOf(HasSubstr("ssl.ca.location: /no/such/file"), HasSubstr("No such file")));
  EXPECT_THAT(tls("ssl.ca.pem", "nothing"), HasSubstr("ssl.ca.pem: no certificate"));
  EXPECT_THAT(tls("ssl.certificate.location", "/no/such/file"),
              HasSubstr("ssl.certificate.location: /no/such/file"));
  EXPECT_THAT(tls("ssl.key.location", "/no/such/file"), HasSubstr("ssl.key.location: /no/such"));
  EXPECT_THAT(tls("ssl.key.pem", "nothing"), HasSubstr("ssl.key.pem: no private key"));
  EXPECT_THAT(tls("ssl.keystore.location", "/no/such/file"),
              HasSubstr("ssl.keystore.location: /no/such"));
  EXPECT_THAT(tls("ssl.cipher.suites", "none-such"), HasSubstr("ssl.cipher.suites: "));
  EXPECT_THAT(tls("ssl.curves.list", "none-such"), HasSubstr("ssl.curves.list: "));
  EXPECT_THAT(tls("ssl.sigalgs.list", "none-such"), HasSubstr("ssl.sigalgs.list: "));
}

Error refusal(Settings settings) {
  const Status status =
      ClientConfig(Url{"localhost:1", "", std::move(settings)}, LogOptions{}, real_clock()).check();
  EXPECT_FALSE(status.has_value());
  return status ? Error(errc::closed, "it is taken") : status.error();
}

TEST(Security, a_setting_that_only_librdkafka_has_is_refused_with_what_there_is) {
  const Settings::value_type ssl{"security.protocol", "ssl"};
  const Settings::value_type sasl{"security.protocol", "sasl_plaintext"};
  const Settings::value_type by_token{"sasl.mechanism", "OAUTHBEARER"};
  const std::pair<std::string, Settings> refused[] = {
      {"sasl.mechanism GSSAPI", {sasl}},
      {"sasl.mechanism GSSAPI", {sasl, {"sasl.mechanisms", "GSSAPI"}}},
      {"ssl.engine.location", {ssl, {"ssl.engine.location", "/x.so"}}},
      {"ssl.crl.location", {ssl, {"ssl.crl.location", "/x.pem"}}},
      {"ssl.providers", {ssl, {"ssl.providers", "default"}}},
      {"sasl.oauthbearer.method oidc", {sasl, by_token, {"sasl.oauthbearer.method", "oidc"}}},
      {"enable.sasl.oauthbearer.unsecure.jwt",
       {sasl, by_token, {"enable.sasl.oauthbearer.unsecure.jwt", "true"}}}};
  for (const auto& [named, settings] : refused) {
    const Error error = refusal(settings);
    EXPECT_TRUE(error.is(errc::unsupported)) << error.to_string();
    EXPECT_THAT(error.message(), HasSubstr("kafka setting " + named + ": "));
    EXPECT_THAT(error.message(), HasSubstr("SCRAM-SHA-512 or OAUTHBEARER"));
    EXPECT_THAT(error.message(), HasSubstr("before 0.1.0"));
  }
}

TEST(Security, a_setting_that_changes_nothing_is_taken) {
  const Settings::value_type plain[] = {{"security.protocol", "sasl_plaintext"},
                                        {"sasl.mechanism", "PLAIN"},
                                        {"sasl.username", "u"},
                                        {"sasl.password", "p"}};
  const Settings::value_type unused[] = {{"sasl.kerberos.service.name", "kafka"},
                                         {"enable.sasl.oauthbearer.unsecure.jwt", "false"},
                                         {"sasl.oauthbearer.scope", "s"}};
  Settings settings(std::begin(plain), std::end(plain));
  settings.insert(settings.end(), std::begin(unused), std::end(unused));
  EXPECT_EQ(Security::beyond(settings), std::nullopt);
  const Settings tls{{"security.protocol", "ssl"},
                     {"ssl.engine.id", "dynamic"},
                     {"ssl.crl.location", ""},
                     {"ssl.providers", ""}};
  EXPECT_EQ(Security::beyond(tls), std::nullopt);
}

TEST(Security, a_value_that_does_not_exist_is_a_mistake) {
  const Error protocol = refusal({{"security.protocol", "quic"}});
  EXPECT_TRUE(protocol.is(errc::invalid_argument)) << protocol.to_string();
  EXPECT_THAT(protocol.message(), HasSubstr("security.protocol: it is plaintext, ssl, "));
  const Error file = refusal({{"security.protocol", "ssl"}, {"ssl.ca.location", "/no/such/file"}});
  EXPECT_TRUE(file.is(errc::invalid_argument)) << file.to_string();
  EXPECT_THAT(file.message(), HasSubstr("ssl.ca.location: /no/such/file"));
}

TEST(ClientConfig, the_only_client_may_be_named) {
  for (const char* const client : {"auto", "wire"}) {
    const ClientConfig config(Url{"localhost:1", "", {{"millrace.client", client}}}, LogOptions{},
                              real_clock());
    EXPECT_TRUE(config.check().has_value()) << client;
  }
  const Error gone = refusal({{"millrace.client", "librdkafka"}});
  EXPECT_TRUE(gone.is(errc::unsupported)) << gone.to_string();
  EXPECT_THAT(gone.message(), HasSubstr("kafka setting millrace.client=librdkafka"));
  EXPECT_THAT(gone.message(), HasSubstr("Leave the setting out"));
  const Error other = refusal({{"millrace.client", "curl"}});
  EXPECT_TRUE(other.is(errc::invalid_argument)) << other.to_string();
  EXPECT_THAT(other.message(), HasSubstr("millrace.client=curl"));
}

TEST(ClientConfig, a_setting_that_the_contract_depends_on_cannot_be_chosen) {
  for (const char* const setting : {"acks", "transactional.id"}) {
    const ClientConfig config(Url{"localhost:1", "", {{setting, "1"}}}, LogOptions{}, real_clock());
    ClientEvents events(config);
    const auto client = config.make(RD_KAFKA_PRODUCER, {}, {{"acks", "all"}}, events);
    ASSERT_FALSE(client.has_value()) << setting;
    EXPECT_TRUE(client.error().is(errc::invalid_argument));
    EXPECT_THAT(client.error().message(),
                HasSubstr(std::string("kafka setting ") + setting + " cannot be chosen"));
  }
}

TEST(ClientConfig, connections_of_our_own_use_the_addresses_that_were_asked_for) {
  for (const auto& [setting, family] : {std::pair{"any", net::AddressFamily::any},
                                        {"v4", net::AddressFamily::v4},
                                        {"v6", net::AddressFamily::v6}}) {
    const ClientConfig config(Url{"localhost:1", "", {{"broker.address.family", setting}}},
                              LogOptions{}, real_clock());
    EXPECT_EQ(config.cluster()->address_of("host", 9092), (net::Address{"host", 9092, family}));
  }
}

// The brokers are played by librdkafka itself.
TEST(ClientConfig, a_broker_that_was_found_is_asked_by_the_addresses_that_were_asked_for) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer does not know the threads that librdkafka starts";
#endif
  ClientConfig config(
      Url{"localhost:1", "", {{"broker.address.family", "v4"}, {"test.mock.num.brokers", "1"}}},
      LogOptions{}, real_clock());
  ClientEvents events(config);
  const auto client = config.make(RD_KAFKA_PRODUCER, {}, {}, events);
  ASSERT_TRUE(client.has_value()) << client.error().to_string();
  config.cluster()->served_by(client->get());
  const auto broker = config.cluster()->any(120'000);
  ASSERT_TRUE(broker.has_value()) << broker.error().to_string();
  EXPECT_EQ(broker->family, net::AddressFamily::v4);
}

TEST(ClientConfig, a_request_may_take_as_long_as_its_setting_says) {
  const auto config = [](Settings settings) {
    return std::make_unique<ClientConfig>(Url{"localhost:1", "", std::move(settings)}, LogOptions{},
                                          real_clock());
  };
  EXPECT_EQ(config({})->timeout_ms(), 10'000);
  const auto set = config({{"millrace.request.timeout.ms", "250"}});
  EXPECT_EQ(set->timeout_ms(), 250);
  EXPECT_TRUE(set->check().has_value());
#ifndef __SANITIZE_THREAD__  // which does not know the threads that librdkafka starts
  ClientEvents events(*set);
  EXPECT_TRUE(set->make(RD_KAFKA_PRODUCER, {}, {}, events).has_value());
#endif
  for (const char* const text : {"0", "-5", "soon", "", "86400001", "99999999999999999999"}) {
    const Status status = config({{"millrace.request.timeout.ms", text}})->check();
    ASSERT_FALSE(status.has_value()) << text;
    EXPECT_TRUE(status.error().is(errc::invalid_argument));
    EXPECT_THAT(status.error().message(), HasSubstr("millrace.request.timeout.ms"));
  }
}

}  // namespace
}  // namespace millrace::log::kafka::wire
