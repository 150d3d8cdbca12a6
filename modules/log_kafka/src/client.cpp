// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "client.hpp"

#include <algorithm>
#include <charconv>

#include "client_events.hpp"
#include "millrace/log/errors.hpp"
#include "token_file.hpp"
#include "token_guard.hpp"
#include "units.hpp"
#include "wire/cluster.hpp"
#include "wire/security.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::size_t reason_bytes = 512;
// Ours among the user's settings, which librdkafka does not know.
constexpr std::string_view client_setting = "millrace.client";
constexpr std::string_view timeout_setting = "millrace.request.timeout.ms";
constexpr const char* older_builds = "only builds before 0.1.0 can send records over librdkafka";
constexpr std::int64_t timeout_ms_max = 86'400'000;  // a day: librdkafka takes 32 bits

// Errors go to the callbacks and into our errors; nothing is printed by the way.
void be_quiet(const rd_kafka_t* /*client*/, int /*level*/, const char* /*facility*/,
              const char* /*text*/) {}

Status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char reason[reason_bytes];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) !=
      RD_KAFKA_CONF_OK)
    return fail(errc::invalid_argument, "kafka setting " + name + ": " + reason);
  return {};
}

/// Whether librdkafka has a setting of this name.
bool is_known(const std::string& name) {
  const Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  char reason[reason_bytes];
  return rd_kafka_conf_set(conf.get(), name.c_str(), "", reason, sizeof reason) !=
         RD_KAFKA_CONF_UNKNOWN;
}

/// A setting of one kind of client only, which the other kind passes over.
bool is_for_other_kind(rd_kafka_type_t type, const std::string& name) {
  static constexpr std::string_view producer[] = {
      "acks",     "linger.ms",        "compression.type", "compression.codec",
      "batch.",   "message.timeout",  "queue.buffering.", "transaction.timeout.ms",
      "enable.i", "compression.level"};
  static constexpr std::string_view consumer[] = {"fetch.", "queued.", "max.partition.fetch",
                                                  "check.crcs"};
  const auto starts = [&](std::string_view with) { return name.starts_with(with); };
  return type == RD_KAFKA_PRODUCER ? std::any_of(std::begin(consumer), std::end(consumer), starts)
                                   : std::any_of(std::begin(producer), std::end(producer), starts);
}

}  // namespace

ClientConfig::ClientConfig(Url url, const LogOptions& options, Clock& clock, KafkaTokenSource token)
    : url_(std::move(url)),
      clock_(clock),
      token_(wire::Security::by_token(url_.settings) ? guarded(std::move(token), clock)
                                                     : KafkaTokenSource()),
      client_id_("millrace-" + (options.member.empty() ? std::string("tool") : options.member)),
      cluster_(std::make_unique<wire::Cluster>(clock)) {
  if (const std::string* const named = user_setting("client.id")) client_id_ = *named;
  if (const std::int64_t set_ms = number("socket.connection.setup.timeout.ms", 0); set_ms > 0)
    cluster_->connected_within(set_ms * ms);
  // librdkafka refuses any other value.
  if (const std::string* const family = user_setting("broker.address.family")) {
    if (*family == "v4") cluster_->reached_by(net::AddressFamily::v4);
    if (*family == "v6") cluster_->reached_by(net::AddressFamily::v6);
  }
  status_ = read_timeout();
  if (status_) status_ = read_compression();
  if (status_) status_ = check_client();
  if (status_) status_ = secure();
}

ClientConfig::~ClientConfig() = default;

Status ClientConfig::check() const { return status_; }

Status ClientConfig::read_timeout() {
  const std::string* const text = user_setting(timeout_setting);
  if (text == nullptr) return {};
  const std::int64_t value = number(timeout_setting, 0);
  if (value < 1 || value > timeout_ms_max) {
    return fail(errc::invalid_argument, "kafka setting " + std::string(timeout_setting) + ": '" +
                                            *text + "' is not a number of milliseconds from 1 to " +
                                            std::to_string(timeout_ms_max));
  }
  timeout_ms_ = static_cast<int>(value);
  return {};
}

Status ClientConfig::read_compression() {
  MILLRACE_ASSIGN(compression_, wire::Compression::of(url_.settings));
  return {};
}

Status ClientConfig::check_client() const {
  const std::string* const chosen = user_setting(client_setting);
  if (chosen == nullptr || *chosen == "wire" || *chosen == "auto") return {};
  const std::string setting = "kafka setting " + std::string(client_setting) + "=" + *chosen;
  if (*chosen != "librdkafka")
    return fail(errc::invalid_argument, setting + ": the only client is wire");
  return fail(errc::unsupported, setting + ": records go over connections of Millrace alone; " +
                                     older_builds + ". Leave the setting out");
}

Status ClientConfig::secure() {
  const std::optional<std::string> beyond = wire::Security::beyond(url_.settings);
  // What librdkafka does not know either is a mistake, which it reports.
  if (beyond && is_known(beyond->substr(0, beyond->find(' '))))
    return fail(errc::unsupported, "kafka setting " + *beyond +
                                       ": connections of Millrace do not have this. They log in by "
                                       "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, and "
                                       "take certificates in PEM or PKCS#12; " +
                                       older_builds);
  MILLRACE_ASSIGN(auto security, wire::Security::open(url_.settings, token_));
  cluster_->secured_by(std::move(security));
  return {};
}

const std::string* ClientConfig::user_setting(std::string_view name) const {
  return last_setting(url_.settings, name);
}

std::int64_t ClientConfig::number(std::string_view setting, std::int64_t otherwise) const {
  const std::string* const text = user_setting(setting);
  if (text == nullptr) return otherwise;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? value : otherwise;
}

Result<Owned<rd_kafka_t>> ClientConfig::make(rd_kafka_type_t type, const Settings& own,
                                             const Settings& fixed, ClientEvents& events) const {
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  MILLRACE_TRY(set(conf.get(), "bootstrap.servers", url_.bootstrap));
  MILLRACE_TRY(set(conf.get(), "client.id", client_id_));
  // A broker that comes back is found again at once.
  MILLRACE_TRY(set(conf.get(), "reconnect.backoff.ms", "50"));
  MILLRACE_TRY(set(conf.get(), "reconnect.backoff.max.ms", "1000"));
  MILLRACE_TRY(set(conf.get(), "socket.keepalive.enable", "true"));
  // The cluster names new leaders some seconds after a broker died, and tells nobody.
  MILLRACE_TRY(set(conf.get(), "topic.metadata.refresh.interval.ms", "3000"));
  MILLRACE_TRY(set(conf.get(), "socket.nagle.disable", "true"));
  for (const auto& [name, value] : own)
    MILLRACE_TRY(set(conf.get(), name, value));
  for (const auto& [name, value] : url_.settings) {
    if (is_for_other_kind(type, name) || name == client_setting || name == timeout_setting) {
      continue;
    }
    // Tokens come from us.
    if (token_ && (name == token_setting || name == extensions_setting ||
                   name == "sasl.oauthbearer.method")) {
      continue;
    }
    if (name == "transactional.id" ||
        std::any_of(fixed.begin(), fixed.end(), [&](const auto& one) { return one.first == name; }))
      return fail(errc::invalid_argument,
                  "kafka setting " + name + " cannot be chosen: the log's contract depends on it");
    MILLRACE_TRY(set(conf.get(), name, value));
  }
  for (const auto& [name, value] : fixed)
    MILLRACE_TRY(set(conf.get(), name, value));
  rd_kafka_conf_set_log_cb(conf.get(), be_quiet);
  events.subscribe(conf.get());
  char reason[reason_bytes];
  Owned<rd_kafka_t> client(rd_kafka_new(type, conf.get(), reason, sizeof reason));
  if (client == nullptr)
    return fail(errc::invalid_argument, std::string("kafka client: ") + reason);
  static_cast<void>(conf.release());  // the client's now
  MILLRACE_TRY(events.serve_tokens(client.get()));
  return client;
}

void LastError::set(int code, const char* reason) {
  const MutexLock lock(mutex_);
  last_ = std::string(rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code))) + ": " + reason;
}

std::string LastError::text() const {
  const MutexLock lock(mutex_);
  return last_.empty() ? std::string() : "; the client says: " + last_;
}

void LastError::clear() {
  const MutexLock lock(mutex_);
  last_.clear();
}

bool is_passing(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
      return true;
    default:
      return false;
  }
}

Error error_of(rd_kafka_resp_err_t code, std::string_view doing, std::string_view detail) {
  std::string text = std::string(doing) + ": " + rd_kafka_err2str(code) + " (" +
                     rd_kafka_err2name(code) + ")" + std::string(detail);
  if (code == transaction_abortable) {
    return {errc::unavailable, std::string(doing) +
                                   ": the broker had the transaction aborted "
                                   "(TRANSACTION_ABORTABLE)" +
                                   std::string(detail)};
  }
  if (is_unknown_id(code)) {
    return {errc::unknown_topic, std::string(doing) +
                                     ": the broker has no such topic, or another one of that name "
                                     "(UNKNOWN_TOPIC_ID)" +
                                     std::string(detail)};
  }
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return {errc::too_large, text + "; the topic's max.message.bytes is the broker's limit"};
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return {errc::time_out_of_bounds,
              text + "; the topic's message.timestamp.after.max.ms is the broker's limit"};
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return {errc::record_refused,
              text + "; a compacted topic, as one, takes no record without a key"};
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return {errc::fenced, text};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return {errc::not_authorized,
              text +
                  "; the principal lacks an ACL on that topic (Read, Write, Create or "
                  "DescribeConfigs; to change settings AlterConfigs, to add partitions Alter, to "
                  "delete it "
                  "Delete): "
                  "`millrace acls` prints all that a service needs"};
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return {errc::not_authorized, text +
                                        "; the principal lacks Read on that group: `millrace acls` "
                                        "prints all that a service needs"};
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return {errc::not_authorized,
              text +
                  "; the principal lacks Write and Describe on the transactional ids of this log, "
                  "which begin with `millrace.` behind the prefix: `millrace acls` prints all "
                  "that a service needs"};
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {errc::not_authorized,
              text +
                  "; the principal lacks an ACL on the cluster (IdempotentWrite, on brokers "
                  "before 3.0)"};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {errc::unknown_topic, text};
    default:
      break;
  }
  if (is_passing(code)) return {errc::unavailable, text};
  return {errc::refused_by_broker, text};
}

}  // namespace millrace::log::kafka
