// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "program.hpp"

namespace CLI {
class App;
}

// Each command has a function that does the work on a log, and one that adds it to the command line
// and returns what it added.
namespace millrace::cli {

CLI::App* add_topics(CLI::App& app, Action& action);
/// Below `topics`.
void add_topic_changes(CLI::App& topics, Action& action);
void add_topic_deletion(CLI::App& topics, Action& action);
CLI::App* add_tail(CLI::App& app, Action& action);
CLI::App* add_trace(CLI::App& app, Action& action);
CLI::App* add_services(CLI::App& app, Action& action);
CLI::App* add_groups(CLI::App& app, Action& action);
CLI::App* add_query(CLI::App& app, Action& action);
CLI::App* add_copy(CLI::App& app, Action& action);
CLI::App* add_dead_letters(CLI::App& app, Action& action);
CLI::App* add_topology(CLI::App& app, Action& action);
CLI::App* add_acls(CLI::App& app, Action& action);
CLI::App* add_log(CLI::App& app, Action& action);
/// Below `log`.
CLI::App* add_log_dump(CLI::App& app, Action& action);
CLI::App* add_completion(CLI::App& app, Action& action);
CLI::App* add_new(CLI::App& app, Action& action);

struct TopicsOptions {
  bool all = false;    ///< also private ones, the log's own, and empty ones for retries
  bool names = false;  ///< nothing but names
  bool json = false;
};
[[nodiscard]] Status show_topics(log::Log& log, const TopicsOptions& options, Output& out);

struct CreateTopicOptions {
  log::TopicSpec spec;
  std::vector<log::SettingChange> changes;  ///< of the defaults
  bool json = false;
};
/// Creates a topic: `log` is a handle of any_service. log::errc::topic_mismatch also when it exists
/// with other settings.
[[nodiscard]] Status create_topic(log::Log& log, const CreateTopicOptions& options, Output& out);

struct AlterTopicOptions {
  std::string topic;
  std::vector<log::SettingChange> changes;
  bool json = false;
  std::int32_t partitions = 0;  ///< how many it has afterwards; 0: as many as before
  bool force = false;           ///< partitions are added also when records have keys
  bool in_use = false;          ///< and while services use the topic
};
/// Fails while services use the topic.
using TopicNotInUse = std::function<Status(const log::Topic&)>;
/// Adds partitions to a topic and changes its settings: `log` is a handle of any_service. Fails as
/// Log::alter_topic(), Log::add_partitions() and `not_in_use` do; base's errc::invalid_argument
/// when partitions are to be added and records have keys, or a part of a topology cannot have more
/// tasks. Nothing was changed then, except that partitions were added where a cluster refuses
/// settings.
[[nodiscard]] Status alter_topic(log::Log& log, const AlterTopicOptions& options,
                                 const TopicNotInUse& not_in_use, Output& out);
/// The topic may get as many partitions as the options say; as alter_topic().
[[nodiscard]] Status check_more_partitions(log::Log& log, const log::Topic& topic,
                                           const AlterTopicOptions& options,
                                           const TopicNotInUse& not_in_use);
/// Says that the topic, which is known as it was `before`, has as many partitions as `now`, and
/// what its readers have to do. Failures of readers_of().
[[nodiscard]] Status print_more_partitions(log::Log& log, const log::Topic& before,
                                           const log::Topic& now, Output& out);

struct DeleteTopicOptions {
  std::string topic;
  bool yes = false;      ///< nobody is asked
  bool force = false;    ///< also while services use it, or have records to read in their own
  bool dry_run = false;  ///< nothing is deleted
  bool json = false;
};
struct DeleteTopicChecks {
  TopicNotInUse not_in_use;
  std::function<bool(const std::string& question)> confirm;
};
/// Deletes a topic: `log` is a handle of any_service. Fails as Log::delete_topic(), and as the
/// checks do; base's errc::busy when a private topic, or that of retries, has records that its
/// service has not read, and errc::invalid_argument when nobody confirmed it.
[[nodiscard]] Status delete_topic(log::Log& log, const DeleteTopicOptions& options,
                                  const DeleteTopicChecks& checks, Output& out);
/// The names of the groups that read the topic: those with a position in it, and of parts of which
/// the manifest of their service says so. Failures of the log, and of stream::read_manifest().
[[nodiscard]] Result<std::set<std::string>> readers_of(log::Log& log, const log::Topic& topic);
/// No instance of a service that reads the topic or owns it runs, as far as the log of the session
/// shows. base's errc::busy names one, and the option `unless` that passes over it; else failures
/// of the log.
[[nodiscard]] Status check_topic_not_in_use(Session& session, log::Log& log,
                                            const log::Topic& topic, const std::string& unless);

/// Where a tail begins.
struct TailStart {
  enum class Kind : std::uint8_t { beginning, end, offset, time, ago };
  Kind kind = Kind::beginning;
  std::int64_t value = 0;  ///< the offset, ms since 1970, or how many ms ago
};
/// `beginning`, `end`, an offset, a time, a day, `@` and ms since 1970, or a duration back; no
/// value for other text.
[[nodiscard]] std::optional<TailStart> parse_tail_start(const std::string& text);

struct TailOptions {
  std::vector<std::string> topics;
  bool all = false;  ///< all topics but the log's own, instead
  std::optional<std::int32_t> partition;
  std::optional<std::string> key;
  std::optional<TailStart> from;     ///< nothing: the last ones
  std::optional<std::size_t> limit;  ///< how many records; of the last ones 10
  bool follow = false;
  bool json = false;
  bool headers = false;
};
[[nodiscard]] Status tail(log::Log& log, const TailOptions& options, Session& session);

struct TraceOptions {
  std::string id;
  bool only_public = false;
  bool json = false;
};
[[nodiscard]] Status trace(log::Log& log, const TraceOptions& options, Output& out);

struct ServicesOptions {
  std::string name;  ///< of a service; empty: all
  bool json = false;
};
/// The instances that live by the clock.
[[nodiscard]] Status show_services(log::Log& log, Clock& clock, const ServicesOptions& options,
                                   Output& out);

struct GroupsOptions {
  std::string name;  ///< a group, or a service: all groups `<service>/...`; empty: an overview
  bool json = false;
  bool all = false;  ///< all groups in detail
};
[[nodiscard]] Status show_groups(log::Log& log, const GroupsOptions& options, Output& out);

struct QueryOptions {
  std::string service;
  std::string view;  ///< empty: lists the views
  std::string key;   ///< empty: a range
  std::string from;
  std::string to;
  std::string limit;
  std::string run_directory;
  bool json = false;  ///< as the service sent it
};
[[nodiscard]] Status query(FileSystem& files, const QueryOptions& options, Output& out);

struct TopologyOptions {
  std::string service;
  std::vector<std::string> stores;  ///< of a reset: the parts that hold them; empty: all
  bool dry_run = false;
  bool json = false;
};
/// What the log has of a service's topology.
[[nodiscard]] Status show_topology(log::Log& log, const TopologyOptions& options, Output& out);
/// What a start of the build whose description that is would change.
[[nodiscard]] Status diff_topology(log::Log& log, const std::string& description, bool json,
                                   Output& out);
/// As stream::reset_topology(): `log` is a handle of the service, or any for a dry run.
[[nodiscard]] Status reset_topology(log::Log& log, const TopologyOptions& options, Output& out);

struct AcceptOptions {
  std::string service;
  std::string name;  ///< of a store or a processor
  std::int64_t version = 1;
  bool dry_run = false;
  bool json = false;
};
/// As stream::accept_version(): `log` is a handle of the service, or any for a dry run.
[[nodiscard]] Status accept_topology(log::Log& log, const AcceptOptions& options, Output& out);

struct AclsOptions {
  std::vector<std::string> descriptions;  ///< files; `-`: standard input
  std::string principal;                  ///< empty: `User:<service>`
  std::vector<std::string> more_read;     ///< topics beyond the topology
  std::vector<std::string> more_written;
  std::vector<std::string> more_deleted;
  bool reader = false;  ///< of a person who looks, instead of services
  bool exact = false;   ///< no prefix for the topics of a service
  std::string format = "table";
  std::string command_config;
  bool json = false;
};
/// errc::invalid_argument when the log is no cluster, when a file holds no description, or when the
/// prefix of a service's topics has topics of others.
[[nodiscard]] Status show_acls(const AclsOptions& options, const std::string& log_url,
                               FileSystem& files, Output& out);

struct CopyOptions {
  std::string source;  ///< URLs
  std::string target;
  std::string topics;  ///< a pattern; empty: all
  bool force = false;  ///< also while services run on the source
  bool dry_run = false;
  bool only_verify = false;  ///< copies nothing
  bool no_verify = false;
  bool json = false;
  bool show_progress = false;
  std::size_t transaction_bytes = 4U << 20U;
  std::size_t max_record_bytes = (1U << 20U) + 12;  ///< as LogOptions has it
};
[[nodiscard]] Status copy(const CopyOptions& options, Session& session);

struct NewOptions {
  std::string name;
  std::string directory;  ///< empty: the name, in the current directory
  bool kafka = false;     ///< README and Dockerfile run it on a cluster
};
/// Writes the files of a new service (project_files()) into a directory that is empty or missing.
/// The name is one of check_new_service(). errc::invalid_argument for a directory with files;
/// errc::io_error.
[[nodiscard]] Status create_project(const NewOptions& options, Output& out);

}  // namespace millrace::cli
