// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <utility>
#include <vector>

#include "kafka_proxy/protocol.hpp"
#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {
namespace {

// One pass over a response: what is not an address is copied.
class Rewriter {
 public:
  Rewriter(KafkaApi api, std::int16_t version, std::string_view payload, const Advertise& advertise)
      : version_(version),
        payload_(payload),
        reader_(payload, is_flexible(api, version)),
        writer_(is_flexible(api, version)),
        advertise_(advertise) {
    reader_.i32();
    // So that clients can read it before they know the version, this header is never flexible.
    if (api != KafkaApi::api_versions) reader_.tags();
  }

  std::optional<std::string> metadata() {
    if (version_ >= 3) reader_.i32();
    const auto brokers = reader_.array();
    copy_read();
    for (std::int32_t i = 0; i < brokers; ++i) {
      replace_address();
      if (version_ >= 1) reader_.string();
      reader_.tags();
      copy_read();
    }
    return finish();
  }

  std::optional<std::string> find_coordinator() {
    if (version_ >= 1) reader_.i32();
    if (version_ <= 3) {
      reader_.i16();
      if (version_ >= 1) reader_.string();
      copy_read();
      replace_address();
      return finish();
    }
    const auto coordinators = reader_.array();
    copy_read();
    for (std::int32_t i = 0; i < coordinators; ++i) {
      reader_.string();
      copy_read();
      replace_address();
      reader_.i16();
      reader_.string();
      reader_.tags();
      copy_read();
    }
    return finish();
  }

  // From 10 on it ends with the addresses of leaders that are new.
  std::optional<std::string> produce() {
    for (auto topics = reader_.array(); topics > 0; --topics) {
      reader_.string();
      for (auto partitions = reader_.array(); partitions > 0; --partitions) {
        reader_.i32();
        reader_.i16();
        for (int i = 0; i < 3; ++i)
          reader_.i64();
        for (auto errors = reader_.array(); errors > 0; --errors) {
          reader_.i32();
          reader_.string();
          reader_.tags();
        }
        reader_.string();
        reader_.tags();
      }
      reader_.tags();
    }
    reader_.i32();
    copy_read();
    reader_.tags();
    writer_.tags();
    copied_ = reader_.position();
    return finish();
  }

  std::optional<std::string> api_versions(KafkaTransactions transactions) {
    const bool refused = reader_.i16() == unsupported_version;
    if (refused) {
      // Then the answer has the first form, whatever was asked for.
      reader_.set_flexible(false);
      writer_.set_flexible(false);
    }
    copy_read();
    struct Range {
      std::int16_t api, lowest, highest;
    };
    std::vector<Range> ranges;
    for (auto left = reader_.array(); left > 0; --left) {
      Range range{reader_.i16(), reader_.i16(), reader_.i16()};
      reader_.tags();
      const auto limit = highest_version(range.api, transactions);
      if (!limit || *limit < range.lowest) continue;
      range.highest = std::min(range.highest, *limit);
      ranges.push_back(range);
    }
    writer_.array(static_cast<std::int32_t>(ranges.size()));
    for (const auto& range : ranges) {
      writer_.i16(range.api).i16(range.lowest).i16(range.highest).tags();
    }
    copied_ = reader_.position();
    if (version_ >= 1 && !refused) {
      reader_.i32();
      copy_read();
      // The tagged fields switch on features: transactions of version 2, and others that no client
      // here knows.
      if (version_ >= 3 && transactions == KafkaTransactions::version_1) {
        reader_.tags();
        writer_.tags();
        copied_ = reader_.position();
      }
    }
    return finish();
  }

 private:
  static constexpr std::int16_t unsupported_version = 35;

  void copy_read() {
    writer_.raw(payload_.substr(copied_, reader_.position() - copied_));
    copied_ = reader_.position();
  }

  void replace_address() {
    const auto node = reader_.i32();
    Address address;
    address.host = reader_.string();
    address.port = reader_.i32();
    copied_ = reader_.position();
    // A coordinator that is not known has no address.
    if (reader_.ok() && address.port > 0) {
      if (auto replaced = advertise_(node, address)) {
        address = *std::move(replaced);
      } else {
        unreachable_ = true;
      }
    }
    writer_.i32(node).string(address.host).i32(address.port);
  }

  std::optional<std::string> finish() {
    if (!reader_.ok() || unreachable_) return std::nullopt;
    writer_.raw(reader_.rest());
    return writer_.finish();
  }

  std::int16_t version_;
  std::string_view payload_;
  WireReader reader_;
  WireWriter writer_;
  const Advertise& advertise_;
  std::size_t copied_ = 0;
  bool unreachable_ = false;
};

}  // namespace

std::optional<std::string> rewrite_response(KafkaApi api, std::int16_t version, std::string frame,
                                            const Advertise& advertise,
                                            KafkaTransactions transactions) {
  const auto payload = std::string_view(frame).substr(4);
  switch (api) {
    case KafkaApi::metadata:
      return Rewriter(api, version, payload, advertise).metadata();
    case KafkaApi::find_coordinator:
      return Rewriter(api, version, payload, advertise).find_coordinator();
    case KafkaApi::api_versions:
      return Rewriter(api, version, payload, advertise).api_versions(transactions);
    case KafkaApi::produce:
      return version < 10 ? frame : Rewriter(api, version, payload, advertise).produce();
    default:
      return frame;
  }
}

}  // namespace millrace::testkit::kafka_proxy
