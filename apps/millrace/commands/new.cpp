// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "project_files.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

using Words = std::map<std::string, std::string, std::less<>>;

Words words_of(const NewOptions& options) {
  const std::string local = "file:./data";
  const std::string cluster = "kafka://localhost:9092";
  return {
      {"NAME", options.name},
      {"VERSION", MILLRACE_VERSION},
      {"LOG", options.kafka ? cluster : local},
      {"RUN", options.kafka ? "    build/" + options.name + " --log " + cluster +
                                  " --port 8080   # or HOST:PORT,HOST:PORT/PREFIX of your cluster"
                            : "    build/" + options.name + " --log " + local + " --port 8080"},
      {"CONTAINER", options.kafka ? "--network host" : "--volume " + options.name + ":/data"}};
}

/// The text with `@WORD@` replaced; an `@` that begins no word stays.
std::string filled(std::string_view text, const Words& words) {
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = text.find('@');
    out.append(text.substr(0, begin));
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin + 1);
    const auto word = words.find(text.substr(0, text.find('@')));
    if (word == words.end()) {
      out.push_back('@');
    } else {
      out.append(word->second);
      text.remove_prefix(word->first.size() + 1);
    }
  }
  return out;
}

}  // namespace

Status create_project(const NewOptions& options, Output& out) {
  namespace fs = std::filesystem;
  const std::string directory = options.directory.empty() ? options.name : options.directory;
  const auto refused = [&](const std::error_code& why) {
    return fail(errc::io_error, "cannot write to {}: {}", escaped(directory), why.message());
  };
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return refused(error);
  const bool empty = fs::is_empty(directory, error);
  if (error) return refused(error);
  if (!empty) {
    return fail(errc::invalid_argument,
                "{} is not empty: name another directory with --directory DIR", escaped(directory));
  }
  const Words words = words_of(options);
  for (const ProjectFile& file : project_files()) {
    const std::string path = directory + "/" + std::string(file.path);
    std::ofstream stream(path, std::ios::binary);
    stream << filled(file.text, words);
    stream.close();
    if (!stream) return refused(std::error_code(errno, std::generic_category()));
    out.line(path);
  }
  out.line("");
  out.line("Next: cd " + directory +
           ", then the commands of README.md. They build it, test it and run it.");
  return {};
}

CLI::App* add_new(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("new", "Write the files of a new service that builds and runs");
  auto options = std::make_shared<NewOptions>();
  command->add_option("NAME", options->name, "The name of the service")
      ->required()
      ->check(check_new_service);
  command->add_option("--directory", options->directory, "Where to write it (default: ./NAME)")
      ->type_name("DIR")
      ->check(check_not_empty);
  command->add_flag("--kafka", options->kafka,
                    "Its README and Dockerfile run it on Kafka, not on file:./data");
  command->footer("\nExample: millrace new counters && cd counters && cat README.md\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      return create_project(*options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
