// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "client_events.hpp"

#include <vector>

#include "token_file.hpp"

namespace millrace::log::kafka {
namespace {

// librdkafka asks again when four fifths of this are over: a token that was replaced is used soon.
constexpr std::int64_t token_use_ms = 10'000;

ClientEvents& events_of(void* opaque) { return *static_cast<ClientEvents*>(opaque); }

void on_error(rd_kafka_t* /*client*/, int code, const char* reason, void* opaque) {
  events_of(opaque).last_error.set(code, reason);
}

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    auto& first_error = events_of(opaque).delivery_error;
    if (!first_error) first_error = message->err;
    return;
  }
  // NOLINTNEXTLINE: librdkafka gives back the pointer that came with the message
  if (message->_private != nullptr)
    *static_cast<Offset*>(message->_private) = offset(message->offset);
}

void on_token_request(rd_kafka_t* client, const char* /*settings*/, void* opaque) {
  const ClientConfig& config = events_of(opaque).config;
  const auto token = config.token()();
  if (!token) {
    rd_kafka_oauthbearer_set_token_failure(client, token.error().message().c_str());
    return;
  }
  const auto extensions = token_extensions(config.url().settings);
  if (!extensions) {
    rd_kafka_oauthbearer_set_token_failure(client, extensions.error().message().c_str());
    return;
  }
  std::vector<const char*> pairs;
  for (const auto& [name, value] : *extensions)
    pairs.insert(pairs.end(), {name.c_str(), value.c_str()});
  // What librdkafka says may have the token in it.
  char reason[512];
  // The name is for librdkafka alone: brokers take it from the token.
  if (rd_kafka_oauthbearer_set_token(
          client, token->c_str(), config.clock().wall_ms() + token_use_ms, "millrace", pairs.data(),
          pairs.size(), reason, sizeof reason) != RD_KAFKA_RESP_ERR_NO_ERROR)
    rd_kafka_oauthbearer_set_token_failure(
        client, "librdkafka does not take the token; is the clock of the log the system's?");
}

}  // namespace

void ClientEvents::subscribe(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_error_cb(conf, on_error);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  if (!config.token()) return;
  rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token_request);
  // Nobody polls a client while it waits for its first connection.
  rd_kafka_conf_enable_sasl_queue(conf, 1);
}

Status ClientEvents::serve_tokens(rd_kafka_t* client) const {
  if (!config.token()) return {};
  const Owned<rd_kafka_error_t> error(rd_kafka_sasl_background_callbacks_enable(client));
  if (error == nullptr) return {};
  return fail(error_of(rd_kafka_error_code(error.get()),
                       std::string("getting tokens: ") + rd_kafka_error_string(error.get())));
}

}  // namespace millrace::log::kafka
