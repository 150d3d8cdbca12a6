// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A client whose key and certificates are in a PKCS#12 file.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tls_client.hpp"

namespace millrace::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string subject_of(const X509* certificate) {
  char name[100];
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

class KeyStore : public testing::Test {
 protected:
  KeyStore() { std::filesystem::create_directory(directory_); }
  ~KeyStore() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return (directory_ / name).string();
  }
  [[nodiscard]] TlsSettings with_store(const std::string& bytes,
                                       const std::string& password) const {
    TlsSettings settings = trusting();
    settings.key_store_location = {file("store.p12", bytes), "the store setting"};
    settings.key_store_password = {password, "the password setting"};
    return settings;
  }
  static std::string refused(const TlsSettings& settings) {
    const auto context = TlsContext::open(settings);
    EXPECT_FALSE(context.has_value());
    if (context) {
      return {};
    }
    EXPECT_TRUE(context.error().is(errc::invalid_argument));
    return context.error().to_string();
  }

 private:
  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("key-store-" + std::to_string(::getpid()));
};

TEST_F(KeyStore, its_certificate_is_shown_with_the_chain_in_order) {
  const Authority second("the second", authority());
  const Authority third("the third", second);
  const Credentials client = third.issue("the client");
  const std::string expected = "the client, the third, the second";
  const std::vector<std::string> chains[] = {
      {third.certificate(), second.certificate()},
      {authority().certificate(), second.certificate(), third.certificate()}};
  for (const auto& [version, chain] : {std::pair{TLS1_2_VERSION, chains[1]},
                                       {TLS1_3_VERSION, chains[0]},
                                       {TLS1_3_VERSION, chains[1]}}) {
    const int number = version;
    // The server trusts the first authority alone.
    const Listener listener([&](int socket) {
      TlsPeer peer(socket, server(),
                   {.version = number, .asks_clients_from = authority().certificate()});
      ASSERT_TRUE(peer.accept());
      X509* const shown = SSL_get1_peer_certificate(peer.tls());
      ASSERT_NE(shown, nullptr);
      std::string names = subject_of(shown);
      X509_free(shown);
      const STACK_OF(X509)* const others = SSL_get_peer_cert_chain(peer.tls());
      for (int i = 0; i < sk_X509_num(others); ++i) {
        names += ", " + subject_of(sk_X509_value(others, i));
      }
      peer.write(names);
    });
    const auto stream =
        stream_to(listener.address(), with_store(key_store(client, chain, "word"), "word"));
    const auto names = exchange(*stream, "", expected.size());
    ASSERT_TRUE(names.has_value()) << names.error().to_string();
    EXPECT_EQ(*names, expected);
  }
}

TEST_F(KeyStore, one_without_a_password_is_opened) {
  const Credentials client = authority().issue("the client");
  EXPECT_TRUE(TlsContext::open(with_store(key_store(client, {}, ""), "")).has_value());
}

TEST_F(KeyStore, what_cannot_be_used_is_refused_by_the_names_of_the_settings) {
  const Credentials client = authority().issue("the client");
  const std::string store = key_store(client, {}, "right");
  EXPECT_THAT(refused(with_store(store, "wrong")),
              AllOf(HasSubstr("the store setting: "), HasSubstr("store.p12"),
                    HasSubstr("the password setting is not its password"),
                    testing::Not(HasSubstr("wrong"))));
  EXPECT_THAT(refused(with_store(store, "")), HasSubstr("the password setting"));
  EXPECT_THAT(refused(with_store("nothing", "right")),
              AllOf(HasSubstr("the store setting: "), HasSubstr("no key store in PKCS#12")));
  EXPECT_THAT(refused(with_store(store.substr(0, store.size() / 2), "right")),
              HasSubstr("no key store in PKCS#12"));
  TlsSettings missing = with_store(store, "right");
  missing.key_store_location.value = "/no/such/file";
  EXPECT_THAT(refused(missing),
              AllOf(HasSubstr("the store setting: /no/such/file"), HasSubstr("No such file")));
}

TEST_F(KeyStore, a_certificate_or_a_key_beside_it_is_refused) {
  const Credentials client = authority().issue("the client");
  const TlsSettings settings = with_store(key_store(client, {}, "word"), "word");
  EXPECT_TRUE(TlsContext::open(settings).has_value());
  TlsSettings both = settings;
  both.certificate_pem.value = client.certificate;
  EXPECT_THAT(refused(both), AllOf(HasSubstr("the store setting"), HasSubstr("certificate_pem")));
  both = settings;
  both.key_pem.value = client.key;
  EXPECT_THAT(refused(both), AllOf(HasSubstr("the store setting"), HasSubstr("key_pem")));
}

}  // namespace
}  // namespace millrace::net
