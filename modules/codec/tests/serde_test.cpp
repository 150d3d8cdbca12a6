// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/serde.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "shop.hpp"

namespace millrace::codec {
namespace {

const shop::Line line{"P1", std::nullopt, 2, 250};

/// A prefix before the bytes of another serde, which it calls.
class Tagged final : public Serde {
 public:
  explicit Tagged(SerdePtr inner) : inner_(std::move(inner)) {}
  [[nodiscard]] std::string_view name() const override { return "tagged"; }
  [[nodiscard]] Status encode(const TypeInfo& type, const void* value,
                              std::string& out) const override {
    out.push_back('#');
    return inner_->encode(type, value, out);
  }
  [[nodiscard]] Status decode(const TypeInfo& type, std::string_view event_type,
                              std::string_view bytes, void* out) const override {
    if (!bytes.starts_with('#')) return fail(errc::malformed, "no # at the beginning");
    return inner_->decode(type, event_type, bytes.substr(1), out);
  }

 private:
  SerdePtr inner_;
};

class Broken final : public Serde {
 public:
  [[nodiscard]] std::string_view name() const override { return "broken"; }
  [[nodiscard]] Status encode(const TypeInfo& /*type*/, const void* /*value*/,
                              std::string& /*out*/) const override {
    return fail(errc::wrong_type, "no form for it");
  }
  [[nodiscard]] Status decode(const TypeInfo& /*type*/, std::string_view /*event_type*/,
                              std::string_view bytes, void* /*out*/) const override {
    if (bytes.empty()) throw 1;
    throw std::runtime_error("no schema");
  }
};

std::string encoded(const Serde& serde) {
  std::string out = "before ";
  encode_with(serde, type_info<shop::Line>(), &line, out);
  return out;
}

TEST(Serdes, those_of_the_library_write_the_bytes_of_their_formats) {
  std::string json = "before ";
  encode_json(type_info<shop::Line>(), &line, json);
  std::string binary = "before ";
  encode_binary(type_info<shop::Line>(), &line, binary);
  std::string key = "before ";
  encode_key(type_info<shop::Line>(), &line, key);
  EXPECT_EQ(encoded(*json_serde()), json);
  EXPECT_EQ(encoded(*binary_serde()), binary);
  EXPECT_EQ(encoded(*key_serde()), key);
}

TEST(Serdes, each_reads_what_it_wrote) {
  for (const SerdePtr& serde :
       {json_serde(), binary_serde(), key_serde(),
        SerdePtr(std::make_shared<Tagged>(std::make_shared<Tagged>(json_serde())))}) {
    std::string bytes;
    encode_with(*serde, type_info<shop::Line>(), &line, bytes);
    shop::Line read;
    ASSERT_TRUE(decode_with(*serde, type_info<shop::Line>(), {}, bytes, &read)) << serde->name();
    EXPECT_EQ(read, line) << serde->name();
  }
}

TEST(Serdes, only_variants_in_json_need_the_type_of_the_event) {
  EXPECT_TRUE(json_serde()->needs_event_type(type_info<shop::Event>()));
  EXPECT_FALSE(json_serde()->needs_event_type(type_info<shop::Line>()));
  EXPECT_FALSE(binary_serde()->needs_event_type(type_info<shop::Event>()));
}

TEST(Serdes, an_exception_of_one_that_reads_is_an_error_that_names_it) {
  shop::Line read;
  const Status thrown = decode_with(Broken(), type_info<shop::Line>(), {}, "x", &read);
  ASSERT_FALSE(thrown);
  EXPECT_TRUE(thrown.error().is(errc::serde_failed));
  EXPECT_EQ(thrown.error().message(), "serde broken: no schema");
  const Status other = decode_with(Broken(), type_info<shop::Line>(), {}, {}, &read);
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(errc::serde_failed));
}

TEST(Serdes, no_memory_while_one_reads_is_no_error_of_the_bytes) {
  class Full final : public Serde {
    [[nodiscard]] std::string_view name() const override { return "full"; }
    [[nodiscard]] Status encode(const TypeInfo&, const void*, std::string&) const override {
      return {};
    }
    [[nodiscard]] Status decode(const TypeInfo&, std::string_view, std::string_view,
                                void*) const override {
      throw std::bad_alloc();
    }
  };
  shop::Line read;
  EXPECT_THROW(static_cast<void>(decode_with(Full(), type_info<shop::Line>(), {}, "x", &read)),
               std::bad_alloc);
}

TEST(Serdes, an_error_of_one_that_writes_is_an_exception_that_names_it) {
  try {
    static_cast<void>(encoded(Broken()));
    FAIL() << "it was encoded";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string_view(error.what()).find("serde broken: "), std::string_view::npos);
    EXPECT_NE(std::string_view(error.what()).find("no form for it"), std::string_view::npos);
  }
}

TEST(Envelopes, read_what_their_topics_carry) {
  EncodedHeaders event;
  append_event_headers(event, {.id = "e-1",
                               .source = "/orders",
                               .type = "Placed",
                               .correlation = "c-1",
                               .causation = {},
                               .trace = {}});
  EncodedHeaders context;
  EventContext written;
  written.id = "e-1";
  written.correlation = "c-1";
  append_private_context(context, written);
  for (const auto& [envelope, headers] :
       {std::pair(Envelope::cloud_events, &event), std::pair(Envelope::context, &context)}) {
    const auto read = read_envelope(envelope, headers->bytes, headers->count);
    ASSERT_TRUE(read) << to_string(envelope);
    EXPECT_EQ(read->id, "e-1") << to_string(envelope);
    EXPECT_EQ(read->correlation, "c-1") << to_string(envelope);
    const auto none = read_envelope(Envelope::none, headers->bytes, headers->count);
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->id.empty());
  }
}

}  // namespace
}  // namespace millrace::codec
