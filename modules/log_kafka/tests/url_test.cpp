// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "millrace/log/errors.hpp"
#include "url.hpp"

namespace millrace::log::kafka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(KafkaUrl, names_brokers_a_prefix_and_settings) {
  const auto url = parse_url("kafka://a:9092,10.0.0.7:9093/shop?sasl.username=me%40here&acks=all");
  ASSERT_TRUE(url.has_value()) << url.error().to_string();
  EXPECT_EQ(url->bootstrap, "a:9092,10.0.0.7:9093");
  EXPECT_EQ(url->prefix, "shop.");
  EXPECT_THAT(url->settings, ElementsAre(Pair("sasl.username", "me@here"), Pair("acks", "all")));
}

TEST(KafkaUrl, needs_neither_prefix_nor_settings) {
  for (const char* const text : {"kafka://a:1", "kafka://a:1/", "kafka://a:1?"}) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url.has_value()) << text;
    EXPECT_EQ(url->prefix, "");
    EXPECT_TRUE(url->settings.empty());
  }
}

TEST(KafkaUrl, that_makes_no_sense_is_refused_with_the_form_and_without_its_secrets) {
  for (const char* const text :
       {"kafka://", "kafka:///p", "kafka://a", "kafka://a:0", "kafka://a:70000", "kafka://a:9x",
        "kafka://a:1/b/c", "kafka://a:1/p q", "kafka://a:1?secret", "kafka://a:1?=secret",
        "kafka://a:1?acks=secret%", "kafka://a:1?acks=secret%4", "kafka://a:1?%zz=secret",
        "file:x"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_TRUE(url.error().is(errc::invalid_argument));
    EXPECT_THAT(url.error().message(), HasSubstr("kafka://host:port"));
    EXPECT_THAT(url.error().message(), Not(HasSubstr("secret")));
  }
}

TEST(KafkaSettings, are_read_from_a_file_and_a_bad_line_is_named) {
  const auto good =
      parse_settings("# who we are\nsasl.username = me \n\nsasl.password=a=b\r\n", "f");
  ASSERT_TRUE(good.has_value());
  EXPECT_THAT(*good, ElementsAre(Pair("sasl.username", "me"), Pair("sasl.password", "a=b")));
  const auto bad = parse_settings("a=b\nsecret\n", "client.properties");
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().message(), HasSubstr("client.properties:2"));
  EXPECT_THAT(bad.error().message(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace millrace::log::kafka
