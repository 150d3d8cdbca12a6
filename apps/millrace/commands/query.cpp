// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/base/text.hpp"
#include "millrace/http/client.hpp"
#include "run_directory.hpp"
#include "view_text.hpp"

namespace millrace::cli {

namespace {

constexpr int status_ok = 200;
constexpr int status_not_found = 404;
constexpr std::int64_t entries_max = 10'000;  // that a service sends at once

std::string target_of(const QueryOptions& options) {
  std::string target = "/views";
  if (options.view.empty()) return target;
  target += "/" + percent_encode(options.view);
  if (!options.key.empty()) return target + "/" + percent_encode(options.key);
  char separator = '?';
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    target += separator;
    target.append(name).append("=").append(percent_encode(value));
    separator = '&';
  };
  add("from", options.from);
  add("to", options.to);
  add("limit", options.limit);
  return target;
}

Result<http::Response> ask(const RunningInstance& instance, const std::string& target) {
  const std::string url = "http://127.0.0.1:" + std::to_string(instance.port) + target;
  Result<http::Response> answer = http::fetch(http::Method::get, url);
  if (answer) return answer;
  if (answer.error().is(http::errc::not_sent)) {
    return fail(http::errc::not_sent, "service " + instance.name + " is not up at port " +
                                          std::to_string(instance.port) + ": start ./run");
  }
  return fail(answer.error().at("service " + instance.name));
}

constexpr int status_bad_request = 400;
constexpr int status_too_many = 429;
constexpr int status_unavailable = 503;
constexpr ErrorCode not_owner{"service.not_owner"};

ErrorCode code_of(const http::Response& response) {
  switch (response.status) {
    case status_not_found:
      return errc::not_found;
    case status_bad_request:
      return errc::invalid_argument;
    case status_too_many:
      return errc::busy;
    case status_unavailable:
      return string_in(response.body, "type") == not_owner.name ? not_owner : errc::busy;
    default:
      return errc::io_error;
  }
}

std::string refusal(const http::Response& response) {
  if (auto detail = string_in(response.body, "detail"); detail && !detail->empty()) return *detail;
  if (auto title = string_in(response.body, "title")) return *title;
  return "it answered " + std::to_string(response.status);
}

// The default of a service.
constexpr std::size_t usual_limit = 100;

void print(const QueryOptions& options, const std::string& body, Output& out) {
  if (options.json) return out.json(body);
  if (options.view.empty()) return print_views(body, out);
  if (!options.key.empty()) return print_value(body, out);
  const std::size_t limit = options.limit.empty() ? usual_limit : std::stoul(options.limit);
  if (print_entries(body, out) >= limit)
    out.line("(the first " + std::to_string(limit) + "; more: --limit N, or --from KEY)");
}

}  // namespace

Status query(FileSystem& files, const QueryOptions& options, Output& out) {
  MILLRACE_ASSIGN(const auto instances,
                  find_instances(files, options.run_directory, options.service));
  const std::string target = target_of(options);
  const bool is_range = !options.view.empty() && options.key.empty();
  bool answered = false;
  std::optional<Error> refused;
  // What the owner of the key says counts, and of the others that there was more than a wrong door.
  const auto note = [&](Error error) {
    if (!refused || refused->is(not_owner) || error.is(errc::not_found)) refused = std::move(error);
  };
  for (const RunningInstance& instance : instances) {
    const Result<http::Response> response = ask(instance, target);
    if (!response) {
      note(response.error());
    } else if (response->status == status_ok) {
      print(options, response->body, out);
      answered = true;
      // Each instance knows the partitions it owns: a range is the responses of all, a key is
      // with one of them.
      if (!is_range) return {};
    } else {
      note(Error(code_of(*response), "service " + instance.name + ": " + refusal(*response)));
    }
  }
  if (refused && (!answered || is_range)) return fail(*refused);
  return {};
}

CLI::App* add_query(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("query", "Ask a running service for what its views hold");
  auto options = std::make_shared<QueryOptions>();
  command->add_option("SERVICE", options->service, "The service")->required()->check(check_service);
  command->add_option("VIEW", options->view, "The view; without one the views are listed")
      ->check(check_not_empty);
  auto* key = command
                  ->add_option("KEY", options->key,
                               "The key, as text or JSON; without one a range is shown")
                  ->check(check_not_empty);
  command->add_option("--from", options->from, "First key of the range")
      ->check(check_not_empty)
      ->excludes(key);
  command->add_option("--to", options->to, "Key before which the range ends")
      ->check(check_not_empty)
      ->excludes(key);
  add_number(*command, "--limit", "At most so many entries (default: 100)", {1, entries_max},
             [options](std::int64_t n) { options->limit = std::to_string(n); })
      ->excludes(key);
  command
      ->add_option("--run", options->run_directory,
                   "Directory in which services say where they are (default: `run` beside the log, "
                   "on Kafka data/run)")
      ->type_name("DIR")
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "The JSON that the service sent");
  command->footer("\nExample: millrace query stock shelves 85123A\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      if (options->run_directory.empty()) {
        options->run_directory = default_run_directory(session.log_url);
      }
      return query(session.files, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
