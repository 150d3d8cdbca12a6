// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/service.hpp"

#include <unistd.h>
#include <algorithm>

#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>

#include "discovery_thread.hpp"
#include "instance_checks.hpp"
#include "instance_metrics.hpp"
#include "log_metrics.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/http/health.hpp"
#include "millrace/http/server.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/service/backends.hpp"
#include "millrace/service/forwarder.hpp"
#include "millrace/service/log_settings.hpp"
#include "millrace/service/signals.hpp"
#include "millrace/service/supervisor.hpp"
#include "millrace/service/views.hpp"
#include "run_file.hpp"
#include "standard_settings.hpp"
#include "state_directory.hpp"
#include "worker.hpp"

namespace millrace::service {

namespace {

// Of the bodies of requests in flight: so many of common size, waiting for the commit before
// theirs.
constexpr std::size_t edge_waiting_bytes = 16U << 20U;
constexpr std::chrono::milliseconds drain_timeout{30'000};
// When the log or the topology has failed nobody will answer what is in flight.
constexpr std::chrono::milliseconds failed_drain_timeout{1'000};

// The parts of a service in the order in which they are made; they leave in the opposite order.
class Runtime {
 public:
  Runtime(const Definition& definition, const Settings& settings, telemetry::Logger& logger)
      : definition_(definition),
        settings_(settings),
        logger_(logger),
        random_(real_seed()),
        environment_{real_clock(), real_file_system(), random_, real_processes()} {}

  ~Runtime() {
    worker_.reset();
    discovery_thread_.reset();
    server_.reset();
    if (desks_) desks_->stop();
    edge_.reset();
    if (keeper_) keeper_->maintain(nullptr);
    if (definition_.ended) definition_.ended();
    // What it was given refers to this service.
    log::register_embedded();
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Status start() {
    MILLRACE_ASSIGN(log::LogOptions log_options, service::log_options(settings_, definition_.name));
    MILLRACE_ASSIGN(stream::InstanceOptions instance_options,
                    service::instance_options(settings_, definition_.name));
    MILLRACE_ASSIGN(http::ServerOptions server_options, service::server_options(settings_));
    MILLRACE_TRY(check_directories(settings_, real_file_system()));
    MILLRACE_TRY(take_state_directory(instance_options));
    register_backends();
    log::register_embedded([this](std::string_view line) {
      logger_.warn("the log", {{"detail", line}});
      // While it waits for another process there is nothing to drain.
      if (log_ == nullptr) signals_.release();
    });
    auto opened = log::open_log(settings_.get("log"), environment_, std::move(log_options));
    signals_.hold();
    if (!opened) {
      const bool of_setting = opened.error().is(millrace::errc::invalid_argument) ||
                              opened.error().is(log::errc::unsupported_scheme);
      return fail(of_setting ? std::move(opened).error().at(settings_.named("log"))
                             : std::move(opened).error());
    }
    log_ = *std::move(opened);
    MILLRACE_TRY(check_log());
    MILLRACE_ASSIGN(stream::Topology topology, definition_.topology(settings_));
    keeper_.emplace(*log_, logger_, [this] { signals_.stop(StopReason::log_failed); });
    instance_options.build = std::string(version);
    MILLRACE_ASSIGN(instance_,
                    stream::Instance::open(*log_, std::move(topology), std::move(instance_options),
                                           stream_environment()));
    keeper_->maintain(instance_.get());
    durability_.emplace(*log_);
    edge_.emplace(*log_, real_clock(), random_, edge_waiting_bytes);
    MILLRACE_ASSIGN(address_, advertised_address(settings_));
    discovery_.emplace(*log_, real_clock(), [this] { return descriptor(); });
    forwarder_.emplace(discovery_->instances(), definition_.name, [this] { return self(); });
    desks_.emplace(RequestDesks::Environment{
        *log_, edge_->records(), *instance_, *durability_, logger_, metrics_,
        server_options.handler_deadline * 5 / 6,
        std::max<std::size_t>(server_options.max_in_flight / 2, 1), &*forwarder_});
    MILLRACE_TRY(start_http(std::move(server_options)));
    discovery_thread_.emplace(*discovery_, logger_);
    worker_.emplace(*instance_, logger_, definition_.stepped, [this] {
      failed_ = true;
      signals_.stop(StopReason::topology_stopped);
    });
    return write_run_file();
  }

  // Returns the exit code.
  int run_until_stopped() {
    logger_.info("started", {{"port", server_->port()}, {"log", settings_.get("log")}});
    const StopReason reason = signals_.wait();
    logger_.info("draining", {{"reason", to_string(reason)}});
    const bool asked = was_asked(reason);
    drain(asked ? drain_timeout : failed_drain_timeout);
    logger_.info("stopped", {});
    return asked ? 0 : 1;
  }

 private:
  // One of this instance's own: others may run beside it.
  Status take_state_directory(stream::InstanceOptions& options) {
    if (options.state_directory.empty()) return {};
    MILLRACE_ASSIGN(const std::int64_t number, settings_.integer("instance", 1, 9'999));
    const auto given = settings_.is_given("instance") ? std::optional(number) : std::nullopt;
    MILLRACE_ASSIGN(state_directory_,
                    StateDirectory::take(real_file_system(), options.state_directory, given));
    options.state_directory = state_directory_->path();
    return {};
  }

  // That it is the log that was meant, and this service one that fits to the others on it.
  Status check_log() {
    const std::string& wanted = settings_.get("log-identity");
    if (!wanted.empty() && log_->identity() != wanted) {
      return fail(millrace::errc::invalid_argument,
                  "{} is the log {} and --log-identity asks for {}: it was replaced by another one",
                  settings_.get("log"), log_->identity(), wanted);
    }
    std::vector<LogSetting> agreed;
    for (const Setting& setting : definition_.settings) {
      if (setting.for_life_of_log) agreed.push_back({setting.name, settings_.get(setting.name)});
    }
    return agree_on_settings(*log_, real_clock(), agreed, definition_.name);
  }

  stream::Instance::Environment stream_environment() {
    return {real_clock(), real_file_system(), random_,
            [this](telemetry::Level level, std::string_view message, std::string_view detail) {
              logger_.log(level, message, {{"detail", detail}});
            }};
  }

  Status start_http(http::ServerOptions options) {
    add_instance_checks(health_, *instance_);
    server_.emplace(std::move(options), logger_, metrics_);
    const http::RouteOptions ready{health_.gate(), true};
    add_health_routes(server_->router(), health_, metrics_);
    add_view_routes(server_->router(), *instance_, *log_, *durability_, ready, &*forwarder_);
    metric_handles_ = telemetry::add_process_metrics(metrics_);
    instance_metric_handles_ = add_instance_metrics(metrics_, *instance_, real_clock());
    log_metric_handles_ = add_log_metrics(metrics_, *log_);
    context_.emplace(Context{settings_, real_clock(), *log_, *instance_, *durability_, *edge_,
                             logger_, metrics_, health_, ready, *desks_});
    if (definition_.routes) MILLRACE_TRY(definition_.routes(*context_, server_->router()));
    return server_->start();
  }

  std::string self() const { return instance_on_host(process_, server_->port()); }

  InstanceDescriptor descriptor() const {
    InstanceDescriptor made;
    made.service = definition_.name;
    made.instance = self();
    made.version = version;
    if (!address_.empty()) made.address = http_url(address_, server_->port());
    made.ready = instance_->ready();
    made.owned = owned_partitions(*instance_);
    return made;
  }

  Status write_run_file() {
    if (settings_.get("run-dir").empty()) return {};
    run_file_.emplace(real_file_system(), settings_.get("run-dir") + "/" +
                                              instance_name(settings_, definition_.name) + ".json");
    return run_file_->write(::getpid(), server_->port(), version);
  }

  // Intake ends first, and the topology continues until the last request in flight has its
  // response.
  void drain(std::chrono::milliseconds timeout) {
    health_.set_draining();
    discovery_thread_->stop();
    desks_->drain_within(timeout / 2);
    if (!server_->drain(timeout))
      logger_.warn("requests were still in flight at the end of the drain",
                   {{"in_flight", server_->in_flight()}});
    server_->stop();
    desks_->stop();
    edge_.reset();
    worker_->stop();
    if (failed_) return;
    if (const Status closed = instance_->close(); !closed) {
      logger_.error("closing failed",
                    {{"code", closed.error().code().name}, {"error", closed.error().message()}});
    }
  }

  const Definition& definition_;
  const Settings& settings_;
  telemetry::Logger& logger_;
  Signals signals_;
  SeededRandom random_;
  log::LogEnvironment environment_;
  telemetry::MetricRegistry metrics_;
  http::Health health_;
  std::unique_ptr<StateDirectory> state_directory_;
  std::unique_ptr<log::Log> log_;
  std::optional<Keeper> keeper_;
  std::unique_ptr<stream::Instance> instance_;
  std::string address_;  // where other instances reach this one; empty: they do not
  const ProcessName process_ = real_processes().self();
  std::optional<Discovery> discovery_;
  std::optional<Forwarder> forwarder_;
  // Goes after the writer that calls back, and after the gate, which may hold replies of the desks.
  std::optional<RequestDesks> desks_;
  std::optional<DurabilityGate> durability_;
  std::optional<EdgeWriter> edge_;
  std::optional<Context> context_;
  std::vector<telemetry::MetricCallback> metric_handles_;
  std::vector<telemetry::MetricCallback> instance_metric_handles_;
  std::vector<telemetry::MetricCallback> log_metric_handles_;
  std::optional<http::Server> server_;
  std::optional<DiscoveryThread> discovery_thread_;
  std::optional<Worker> worker_;
  std::optional<RunFile> run_file_;
  std::atomic<bool> failed_{false};
};

Result<std::shared_ptr<telemetry::LogSink>> open_sink(const Settings& settings) {
  if (settings.get("log-file").empty()) return telemetry::stderr_sink();
  return telemetry::file_sink(settings.get("log-file"));
}

// Needs no log: what is printed is the program's, not a run's.
int print_description(const Definition& definition, const Settings& settings) {
  const auto topology = definition.topology(settings);
  if (!topology) {
    std::fprintf(stderr, "%s: %s\n", definition.name.c_str(),
                 printable(topology.error().message()).c_str());
    return 1;
  }
  const std::string text = topology->describe(settings.get("describe"));
  std::fputs(text.c_str(), stdout);
  if (!text.ends_with('\n')) std::fputs("\n", stdout);
  return 0;
}

int serve(const Definition& definition, const Settings& settings) {
  raise_descriptor_limit();
  auto sink = open_sink(settings);
  if (!sink) {
    std::fprintf(stderr, "%s: %s: %s\n", definition.name.c_str(),
                 settings.named("log-file").c_str(), printable(sink.error().message()).c_str());
    return 2;
  }
  const auto level = telemetry::parse_level(settings.get("log-level"));
  telemetry::Logger logger({instance_name(settings, definition.name), ::getpid(),
                            level ? *level : telemetry::Level::info},
                           real_clock(), *sink);
  Runtime runtime(definition, settings, logger);
  if (const Status started = runtime.start(); !started) {
    logger.error("could not start",
                 {{"code", started.error().code().name}, {"error", started.error().message()}});
    std::fprintf(stderr, "%s: could not start: %s\n", definition.name.c_str(),
                 printable(started.error().message()).c_str());
    return started.error().is(millrace::errc::invalid_argument) ? 2 : 1;
  }
  return runtime.run_until_stopped();
}

}  // namespace

int run(int argc, const char* const* argv, const Definition& definition) {
  std::vector<Setting> settings = standard_settings();
  settings.insert(settings.end(), definition.settings.begin(), definition.settings.end());
  const auto parsed =
      parse_settings(argc, argv, definition.name, definition.description, version, settings);
  if (!parsed) {
    std::fprintf(stderr, "%s: %s\n", definition.name.c_str(),
                 printable(parsed.error().message()).c_str());
    return 2;
  }
  if (!parsed->print_and_exit.empty()) {
    std::fputs(parsed->print_and_exit.c_str(), stdout);
    return 0;
  }
  if (!parsed->settings.get("describe").empty())
    return print_description(definition, parsed->settings);
  return serve(definition, parsed->settings);
}

}  // namespace millrace::service
