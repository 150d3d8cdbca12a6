// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "services.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>

#include "log_reader.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/client.hpp"

namespace retail_test {

using millrace::http::Method;
using millrace::http::Response;

namespace {

constexpr std::chrono::seconds answer_timeout{120};

}  // namespace

Services::Services(const TemporaryDirectory& directory, ServicesOptions options)
    : data_(directory.file("data")), options_(std::move(options)) {
  if (options_.log.empty()) options_.log = data_ + "/log";
  for (const char* name : {"", "/run", "/logs", "/state"})
    std::filesystem::create_directories(data_ + name);
}

void Services::start(const std::string& name, const ServiceStart& how) {
  const std::string member = how.instance == 1 ? name : name + "-" + std::to_string(how.instance);
  // One left by a killed process would lead to nobody, or to another service that got its port.
  std::filesystem::remove(data_ + "/run/" + member + ".json");
  Command command;
  command.words = {program("retail-" + name),
                   "--log",
                   log_url(),
                   "--stock",
                   options_.stock,
                   "--run-dir",
                   data_ + "/run",
                   "--state-dir",
                   data_ + "/state/" + member,
                   "--instance",
                   std::to_string(how.instance)};
  command.words.insert(command.words.end(), options_.arguments.begin(), options_.arguments.end());
  command.words.insert(command.words.end(), how.arguments.begin(), how.arguments.end());
  if (!how.fault.empty()) command.environment.emplace_back("MILLRACE_FAULT", how.fault);
  command.output = data_ + "/logs/" + member + ".log";
  running_[member] = std::make_unique<Process>(command);
  if (std::find(order_.begin(), order_.end(), member) == order_.end()) order_.push_back(member);
}

void Services::start_all(const std::vector<std::string>& but) {
  for (const std::string& name : service_names()) {
    if (std::find(but.begin(), but.end(), name) == but.end()) start(name);
  }
}

testing::AssertionResult Services::ready(const std::string& name) const {
  auto ready = await(name + " is ready", [&] { return get(name, "/readyz").status == 200; });
  if (!ready) ready << "\n" << get(name, "/readyz").body << "\n" << log_of(name);
  return ready;
}

testing::AssertionResult Services::all_ready() const {
  for (const auto& [name, process] : running_) {
    if (auto one = ready(name); !one) return one;
  }
  return testing::AssertionSuccess();
}

bool Services::up() const {
  return std::all_of(running_.begin(), running_.end(),
                     [&](const auto& one) { return get(one.first, "/readyz").status == 200; });
}

void Services::kill(const std::string& name) {
  running_.at(name)->kill();
  running_.erase(name);
}

void Services::kill_all() {
  for (const auto& [name, process] : running_)
    process->signal(SIGKILL);
  running_.clear();
}

testing::AssertionResult Services::stop_all() {
  auto result = testing::AssertionSuccess();
  for (auto name = order_.rbegin(); name != order_.rend(); ++name) {
    const auto found = running_.find(*name);
    if (found == running_.end()) continue;
    found->second->signal(SIGTERM);
    const auto exit = found->second->wait();
    if (!exit || *exit != Exit{0, 0}) {
      result = testing::AssertionFailure()
               << *name << " did not drain: " << (exit ? to_string(*exit) : "it continues") << "\n"
               << log_of(*name);
    }
    running_.erase(found);
  }
  return result;
}

std::string Services::url(const std::string& name) const {
  const auto file =
      millrace::codec::from_json<RunFile>(read_text(data_ + "/run/" + name + ".json"));
  return file ? "http://127.0.0.1:" + std::to_string(file->port) : std::string();
}

Response Services::get(const std::string& name, const std::string& target) const {
  const std::string base = url(name);
  if (base.empty()) return {.status = 0};
  auto answer = millrace::http::fetch(Method::get, base + target, {}, {}, answer_timeout);
  return answer ? *std::move(answer) : Response{.status = 0, .body = answer.error().to_string()};
}

Response Services::post(const std::string& target, const std::string& body,
                        millrace::http::Headers headers, const std::string& storefront) const {
  const std::string base = url(storefront);
  if (base.empty()) return {.status = 0};
  auto answer =
      millrace::http::fetch(Method::post, base + target, body, std::move(headers), answer_timeout);
  return answer ? *std::move(answer) : Response{.status = 0, .body = answer.error().to_string()};
}

std::optional<double> Services::metric(const std::string& name, std::string_view metric) const {
  const std::string text = "\n" + get(name, "/metrics").body;
  const std::string wanted = "\n" + std::string(metric) + " ";
  const std::size_t at = text.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + wanted.size(), nullptr);
}

std::string Services::log_of(const std::string& name) const {
  return read_text(data_ + "/logs/" + name + ".log");
}

bool Services::idle() const {
  return std::all_of(running_.begin(), running_.end(), [&](const auto& one) {
    return metric(one.first, "millrace_stream_lag_records") == 0.0;
  });
}

testing::AssertionResult Services::at_rest(std::int64_t final_requests) const {
  LogReader log(options_.log);
  auto rest =
      await("all is quiet after " + std::to_string(final_requests) + " final requests", [&] {
        const auto before = log.committed();
        return log.final_requests() >= final_requests && log.lag() == 0 && idle() &&
               log.committed() == before;
      });
  if (!rest)
    rest << "\nfinal " << log.final_requests() << ", lag " << log.lag() << "\n"
         << log.describe_groups();
  return rest;
}

}  // namespace retail_test
