// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The server is OpenSSL too, in this process.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "millrace/net/errors.hpp"
#include "tls_client.hpp"

namespace millrace::net {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::string numbered(std::size_t bytes) {
  std::string all(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    all[i] = static_cast<char>((i * 7) ^ (i >> 10U));
  }
  return all;
}

std::string why_not_connected(Stream& stream) {
  const Status status = connect(stream);
  EXPECT_FALSE(status.has_value());
  if (status) {
    return {};
  }
  EXPECT_FALSE(stream.is_connected());
  EXPECT_FALSE(stream.try_connect().has_value());
  stream.close();
  return status.error().to_string();
}

struct Version {
  const char* name;
  int number;
  friend void PrintTo(const Version& version, std::ostream* out) { *out << version.name; }
};

class TlsVersions : public testing::TestWithParam<Version> {};

TEST_P(TlsVersions, twenty_megabytes_go_there_and_back_while_keys_change) {
  constexpr std::size_t bytes = 20U << 20U;
  constexpr std::size_t key_bytes = 3U << 20U;
  const Listener listener([](int socket) {
    TlsPeer peer(socket, server(), {.version = GetParam().number});
    ASSERT_TRUE(peer.accept());
    std::size_t until_keys = key_bytes;
    for (std::size_t done = 0; done < bytes;) {
      const std::string some = peer.read_some(50'000);
      ASSERT_FALSE(some.empty());
      ASSERT_TRUE(peer.write(some));
      done += some.size();
      if (done < until_keys || GetParam().number < TLS1_3_VERSION) {
        continue;
      }
      ASSERT_TRUE(peer.change_keys());
      until_keys += key_bytes;
    }
    // Closed before the last keys were read, the socket would take back what was sent.
    while (!peer.read_some(1'000).empty()) {
    }
  });
  const auto stream = stream_to(listener.address(), trusting());
  const std::string sent = numbered(bytes);
  const auto back = exchange(*stream, sent, bytes);
  ASSERT_TRUE(back.has_value()) << back.error().to_string();
  EXPECT_TRUE(*back == sent);
  stream->close();
}

TEST_P(TlsVersions, bytes_that_come_one_by_one_are_put_together) {
  const Listener listener([](int socket) {
    TlsPeer peer(socket, server(), {.version = GetParam().number, .dribbles = true});
    ASSERT_TRUE(peer.accept());
    const std::string received = peer.read_exactly(20'000);
    for (std::size_t i = 0; i < 100; ++i) {
      ASSERT_TRUE(peer.write(received.substr(i, 1)));
    }
    ASSERT_TRUE(peer.write(received.substr(100)));
  });
  const auto stream = stream_to(listener.address(), trusting());
  const std::string sent = numbered(20'000);
  const auto back = exchange(*stream, sent, sent.size());
  ASSERT_TRUE(back.has_value()) << back.error().to_string();
  EXPECT_TRUE(*back == sent);
}

TEST_P(TlsVersions, a_client_shows_its_certificate_when_asked) {
  const Credentials client = authority().issue("the client");
  const Listener listener([](int socket) {
    TlsPeer peer(socket, server(),
                 {.version = GetParam().number, .asks_clients_from = authority().certificate()});
    ASSERT_TRUE(peer.accept());
    X509* const shown = SSL_get1_peer_certificate(peer.tls());
    ASSERT_NE(shown, nullptr);
    char name[100];
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
    X509_free(shown);
    peer.write(name);
  });
  TlsSettings settings = trusting();
  settings.certificate_pem.value = client.certificate;
  settings.key_pem.value = locked(client.key, "of the key");
  settings.key_password.value = "of the key";
  const auto stream = stream_to(listener.address(), settings);
  const auto name = exchange(*stream, "", 10);
  ASSERT_TRUE(name.has_value()) << name.error().to_string();
  EXPECT_EQ(*name, "the client");
}

TEST_P(TlsVersions, a_client_without_the_certificate_asked_for_gets_the_reason) {
  const Listener listener([](int socket) {
    TlsPeer peer(socket, server(),
                 {.version = GetParam().number, .asks_clients_from = authority().certificate()});
    EXPECT_FALSE(peer.accept());
    read_exactly(socket, 1);
  });
  const auto stream = stream_to(listener.address(), trusting());
  // With TLS 1.3 the client is through before the server has looked.
  const auto received = exchange(*stream, "", 1);
  ASSERT_FALSE(received.has_value());
  EXPECT_THAT(received.error().message(),
              AnyOf(HasSubstr("certificate required"), HasSubstr("handshake failure")));
  stream->close();
}

INSTANTIATE_TEST_SUITE_P(Tls, TlsVersions,
                         testing::Values(Version{"tls_1_2", TLS1_2_VERSION},
                                         Version{"tls_1_3", TLS1_3_VERSION}),
                         [](const auto& one) { return one.param.name; });

/// Accepts, or does not, and waits for the client to end.
Listener accepting(const Credentials& credentials) {
  return Listener([credentials](int socket) {
    TlsPeer peer(socket, credentials);
    if (peer.accept()) {
      peer.write("x");
    }
    read_exactly(socket, 1);
  });
}

TEST(Tls, a_certificate_of_an_unknown_issuer_is_not_trusted) {
  const Authority other("Another authority");
  TlsSettings settings;
  settings.ca_pem.value = other.certificate();
  {
    const Listener listener = accepting(server());
    const auto stream = stream_to(listener.address(), settings);
    const std::string why = why_not_connected(*stream);
    EXPECT_THAT(why, HasSubstr("net.tls_failed: " + listener.address().text() +
                               ": SSL: handshake: certificate verify "
                               "failed: unable to get local issuer"));
  }
  settings.verifies = false;
  const Listener listener = accepting(server());
  const auto stream = stream_to(listener.address(), settings);
  EXPECT_TRUE(exchange(*stream, "", 1).has_value());
  stream->close();
}

TEST(Tls, a_certificate_of_another_host_is_refused_unless_hosts_are_not_checked) {
  const Credentials elsewhere = authority().issue("localhost", "DNS:elsewhere.example");
  for (const char* const host : {"127.0.0.1", "localhost"}) {
    const Listener listener = accepting(elsewhere);
    const auto stream = stream_to({host, listener.address().port}, trusting());
    EXPECT_THAT(why_not_connected(*stream),
                AnyOf(HasSubstr("IP address mismatch"), HasSubstr("hostname mismatch")));
  }
  TlsSettings settings = trusting();
  settings.checks_host = false;
  const Listener listener = accepting(elsewhere);
  const auto stream = stream_to(listener.address(), settings);
  EXPECT_TRUE(exchange(*stream, "", 1).has_value());
  stream->close();
}

TEST(Tls, the_host_s_name_is_sent_and_an_address_is_not) {
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const Listener listener([&](int socket) {
      TlsPeer peer(socket, server());
      ASSERT_TRUE(peer.accept());
      const char* const name = SSL_get_servername(peer.tls(), TLSEXT_NAMETYPE_host_name);
      EXPECT_EQ(name == nullptr ? "" : std::string(name), host == "localhost" ? host : "");
      peer.write("x");
    });
    const auto stream = stream_to({host, listener.address().port}, trusting());
    const auto received = exchange(*stream, "", 1);
    EXPECT_TRUE(received.has_value()) << received.error().to_string();
  }
}

TEST(Tls, a_peer_that_hangs_up_in_the_handshake_or_speaks_no_tls_is_reported) {
  {
    const Listener listener([](int socket) { read_exactly(socket, 100); });
    const auto stream = stream_to(listener.address(), trusting());
    EXPECT_THAT(why_not_connected(*stream),
                testing::AllOf(HasSubstr("net.connection_lost: " + listener.address().text()),
                               AnyOf(HasSubstr("closed the connection, during the TLS handshake"),
                                     HasSubstr("reset by peer, during the TLS handshake"))));
  }
  {
    const Listener listener([](int socket) {
      write_all(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
      read_exactly(socket, 100'000);
    });
    const auto stream = stream_to(listener.address(), trusting());
    EXPECT_THAT(why_not_connected(*stream),
                testing::AllOf(HasSubstr("net.tls_failed"), HasSubstr("wrong version number")));
  }
  {
    const Listener listener([](int socket) {
      TlsPeer peer(socket, server(), {.version = TLS1_1_VERSION});
      EXPECT_FALSE(peer.accept());
      read_exactly(socket, 1);
    });
    const auto stream = stream_to(listener.address(), trusting());
    EXPECT_THAT(why_not_connected(*stream), HasSubstr("protocol version"));
  }
  Address nobody;
  {
    const Listener listener([](int) {});
    nobody = listener.address();
    const auto stream = stream_to(nobody, trusting());
    why_not_connected(*stream);
  }
  const auto stream = stream_to(nobody, trusting());
  EXPECT_THAT(why_not_connected(*stream),
              testing::AllOf(HasSubstr("net.unreachable"), HasSubstr("refused")));
}

TEST(Tls, a_peer_that_ends_is_reported_and_writing_on_raises_no_signal) {
  const Listener listener([](int socket) {
    TlsPeer peer(socket, server());
    ASSERT_TRUE(peer.accept());
    peer.write("x");
    peer.say_end();
  });
  const auto stream = stream_to(listener.address(), trusting());
  const auto received = exchange(*stream, "", 2);
  ASSERT_FALSE(received.has_value());
  EXPECT_TRUE(received.error().is(errc::connection_lost));
  EXPECT_THAT(received.error().message(), HasSubstr("closed the connection"));
  // Until the socket has noticed that nobody reads any more.
  const std::string large(100'000, 'x');
  Result<std::size_t> sent = std::size_t{0};
  for (int i = 0; i < 10'000 && sent; ++i) {
    sent = stream->write(large);
    if (!sent || *sent > 0) {
      continue;
    }
    ASSERT_TRUE(wait(*stream, true).has_value());
  }
  EXPECT_FALSE(sent.has_value());
}

TEST(Tls, certificates_and_keys_come_from_files_and_directories_too) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("tls-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  const auto file = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(directory / name) << bytes;
    return (directory / name).string();
  };
  const Credentials client = authority().issue("the client");
  TlsSettings settings;
  settings.ca_location.value = file("ca", authority().certificate());
  settings.certificate_location.value = file("certificate", client.certificate);
  settings.key_location.value = file("key", client.key);
  {
    const Listener listener([](int socket) {
      TlsPeer peer(socket, server(), {.asks_clients_from = authority().certificate()});
      EXPECT_TRUE(peer.accept());
      peer.write("x");
    });
    const auto stream = stream_to(listener.address(), settings);
    EXPECT_TRUE(exchange(*stream, "", 1).has_value());
  }
  const auto refused = [](const TlsSettings& wrong) {
    const auto context = TlsContext::open(wrong);
    EXPECT_FALSE(context.has_value());
    return context ? std::string() : context.error().to_string();
  };
  TlsSettings wrong = settings;
  wrong.key_password.name = "the password setting";
  wrong.key_location.value = file("other.key", authority().issue("another").key);
  EXPECT_THAT(refused(wrong), testing::AllOf(HasSubstr("key_location"), HasSubstr("other.key"),
                                             HasSubstr("mismatch")));
  wrong.key_location.value = file("locked.key", locked(client.key, "right"));
  EXPECT_THAT(refused(wrong), HasSubstr("the password setting is not its password"));
  wrong.key_password.value = "wrong";
  EXPECT_THAT(refused(wrong), HasSubstr("the password setting is not its password"));
  wrong.key_password.value = "right";
  EXPECT_TRUE(TlsContext::open(wrong).has_value());
  wrong = settings;
  wrong.certificate_location.value = file("nothing", "nothing");
  EXPECT_THAT(refused(wrong), HasSubstr("certificate_location"));
  wrong = settings;
  wrong.ca_location.value = directory / "nothing";
  EXPECT_THAT(refused(wrong), HasSubstr("ca_location"));
  file(authority().file_name(), authority().certificate());
  settings.ca_location.value = directory;
  const Listener listener = accepting(server());
  const auto stream = stream_to(listener.address(), settings);
  const auto received = exchange(*stream, "", 1);
  EXPECT_TRUE(received.has_value()) << received.error().to_string();
  stream->close();
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace::net
