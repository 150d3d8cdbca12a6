// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "scram.hpp"

#include <gmock/gmock.h>

#include "millrace/net/errors.hpp"

namespace millrace::net {
namespace {

using testing::HasSubstr;

struct Vector {
  const char* digest;
  const char* nonce;
  const char* challenge;
  const char* proof;
  const char* signature;
};

const Vector vectors[] = {
    // RFC 5802, section 5
    {"SHA1", "fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    // RFC 7677, section 3
    {"SHA256", "rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    // The same salt and nonces, computed with Python's hashlib
    {"SHA512", "rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
     "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="},
};

TEST(Scram, the_examples_of_the_standards_hold) {
  for (const Vector& vector : vectors) {
    Scram scram(vector.digest, "user", "pencil", vector.nonce);
    EXPECT_EQ(scram.begin().value(), std::string("n,,n=user,r=") + vector.nonce);
    const auto proof = scram.respond(vector.challenge);
    ASSERT_TRUE(proof.has_value()) << proof.error().to_string();
    EXPECT_EQ(*proof, vector.proof) << vector.digest;
    const auto last = scram.respond(vector.signature);
    ASSERT_TRUE(last.has_value()) << last.error().to_string();
    EXPECT_FALSE(last->has_value());
  }
}

TEST(Scram, a_server_that_does_not_know_the_password_is_not_believed) {
  const std::string right = vectors[1].signature;
  std::string other = right;
  other[10] = other[10] == 'A' ? 'B' : 'A';
  for (const std::string& message : {other, std::string("v="), std::string(), right.substr(0, 20),
                                     std::string("v=????"), std::string("e=other-error")}) {
    Scram scram("SHA256", "user", "pencil", vectors[1].nonce);
    ASSERT_TRUE(scram.respond(vectors[1].challenge).has_value());
    const auto last = scram.respond(message);
    ASSERT_FALSE(last.has_value()) << message;
    EXPECT_TRUE(last.error().is(errc::not_authenticated));
  }
}

TEST(Scram, a_first_message_that_is_no_challenge_is_refused) {
  for (const char* const message :
       {"", "r=abcd", "r=abc,s=AAAA,i=4096", "r=xyzabc,s=AAAA,i=4096", "r=abcd,s=,i=4096",
        "r=abcd,s=A,i=4096", "r=abcd,s=????,i=4096", "r=abcd,s=AAAA,i=1", "r=abcd,s=AAAA,i=-5000",
        "r=abcd,s=AAAA,i=2000000000", "r=abcd,s=AAAA,i=4096x", "r=abcd,s=AAAA,i=", "m=x,r=abcd",
        "e=unknown-user"}) {
    Scram scram("SHA256", "user", "pencil", "abc");
    const auto proof = scram.respond(message);
    ASSERT_FALSE(proof.has_value()) << message;
    EXPECT_THAT(proof.error().message(), HasSubstr("SCRAM: the server"));
  }
}

TEST(Scram, names_are_escaped_and_nonces_differ) {
  Scram one("SHA256", "a=b,c", "p");
  Scram two("SHA256", "a=b,c", "p");
  EXPECT_THAT(one.begin().value(), testing::StartsWith("n,,n=a=3Db=2Cc,r="));
  EXPECT_NE(one.begin().value(), two.begin().value());
}

TEST(Sasl, plain_sends_user_and_password_at_once) {
  const auto exchange = sasl_exchange({"PLAIN", "me", "secret"});
  EXPECT_EQ(exchange->begin().value(), std::string("\0me\0secret", 10));
  const auto last = exchange->respond("");
  ASSERT_TRUE(last.has_value());
  EXPECT_FALSE(last->has_value());
}

TEST(Sasl, the_mechanism_s_name_chooses_the_exchange) {
  for (const char* const mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    ASSERT_TRUE(is_known_mechanism(mechanism));
    const std::string first = sasl_exchange({mechanism, "me", "secret"})->begin().value();
    EXPECT_THAT(first, testing::StartsWith("n,,n=me,r="));
    EXPECT_THAT(first, testing::Not(HasSubstr("secret")));
  }
  EXPECT_FALSE(is_known_mechanism("GSSAPI"));
  EXPECT_FALSE(is_known_mechanism("scram-sha-256"));
}

// RFC 7628, section 4.1
TEST(Sasl, a_token_is_asked_for_at_each_login) {
  ASSERT_TRUE(is_known_mechanism("OAUTHBEARER"));
  int calls = 0;
  const SaslAccount account{"OAUTHBEARER", "", "", [&]() -> Result<std::string> {
                              return "token" + std::to_string(++calls) + "==";
                            }};
  for (const char* const token : {"token1==", "token2=="}) {
    const auto exchange = sasl_exchange(account);
    EXPECT_EQ(exchange->begin().value(),
              std::string("n,,\x01") + "auth=Bearer " + token + "\x01\x01");
    const auto last = exchange->respond("");
    ASSERT_TRUE(last.has_value());
    EXPECT_FALSE(last->has_value());
  }
}

TEST(Sasl, extensions_follow_the_token) {
  const SaslAccount account{"OAUTHBEARER",
                            "",
                            "",
                            []() -> Result<std::string> { return "t"; },
                            {{"logicalCluster", "lkc-1"}, {"traceId", "a b=c"}}};
  EXPECT_EQ(
      sasl_exchange(account)->begin().value(),
      std::string("n,,\x01") + "auth=Bearer t\x01logicalCluster=lkc-1\x01traceId=a b=c\x01\x01");
  EXPECT_TRUE(is_sasl_extension("logicalCluster", "lkc-1"));
  for (const auto& [name, value] :
       {std::pair{"auth", "x"}, {"", "x"}, {"a1", "x"}, {"a", ""}, {"a", "x\x01y"}})
    EXPECT_FALSE(is_sasl_extension(name, value)) << name << "=" << value;
}

TEST(Sasl, a_refused_token_is_never_taken_for_accepted) {
  const SaslAccount account{"OAUTHBEARER", "", "", []() -> Result<std::string> { return "t"; }};
  const auto exchange = sasl_exchange(account);
  ASSERT_TRUE(exchange->begin().has_value());
  const std::string reason = R"({"status":"invalid_token"})";
  EXPECT_EQ(exchange->respond(reason).value(), "\x01");
  const auto last = exchange->respond("");
  ASSERT_FALSE(last.has_value());
  EXPECT_TRUE(last.error().is(errc::not_authenticated));
  EXPECT_THAT(last.error().message(), HasSubstr(reason));
}

TEST(Sasl, what_is_no_token_is_not_sent) {
  for (const std::string& text :
       {std::string(), std::string("=="), std::string("a b"), std::string("a\n"),
        std::string("a\x01"
                    "auth=b"),
        std::string("a=b"), std::string(65'537, 'a')}) {
    EXPECT_FALSE(is_bearer_token(text));
    const SaslAccount account{"OAUTHBEARER", "", "", [&]() -> Result<std::string> { return text; }};
    const auto first = sasl_exchange(account)->begin();
    ASSERT_FALSE(first.has_value()) << text;
    EXPECT_TRUE(first.error().is(errc::not_authenticated));
  }
  EXPECT_TRUE(is_bearer_token("aZ09-._~+/=="));
  EXPECT_TRUE(is_bearer_token(std::string(65'536, 'a')));
  const SaslAccount none{"OAUTHBEARER", "", "", []() -> Result<std::string> {
                           return fail(errc::unreachable, "the issuer is away");
                         }};
  EXPECT_TRUE(sasl_exchange(none)->begin().error().is(errc::unreachable));
}

}  // namespace
}  // namespace millrace::net
