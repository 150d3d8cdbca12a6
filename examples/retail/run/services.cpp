// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "services.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "service_names.hpp"

namespace retail {

std::vector<millrace::service::ChildSpec> service_children(
    const RunOptions& options, const DataDirectory& directory, const std::string& log_identity,
    const std::string& program_directory, const std::vector<std::uint16_t>& storefront_ports) {
  std::vector<millrace::service::ChildSpec> children;
  const auto add = [&](const std::string& service, std::size_t number,
                       const std::vector<std::string>& more) {
    millrace::service::ChildSpec child;
    child.name = number == 1 ? service : service + "-" + std::to_string(number);
    child.command = {program_directory + "/retail-" + service,
                     "--log",
                     options.log,
                     "--log-identity",
                     log_identity,
                     "--durability",
                     options.durability,
                     "--stock",
                     options.stock,
                     "--run-dir",
                     directory.path("run"),
                     "--state-dir",
                     directory.path("state")};
    child.command.insert(child.command.end(), more.begin(), more.end());
    child.log_file = directory.path("logs") + "/" + child.name + ".log";
    children.push_back(std::move(child));
  };
  for (const std::string_view name : service_names) {
    if (name != "storefront") {
      add(std::string(name), 1, {});
      continue;
    }
    for (std::size_t i = 0; i < storefront_ports.size(); ++i)
      add(std::string(name), i + 1,
          {"--port", std::to_string(storefront_ports[i]), "--instance", std::to_string(i + 1)});
  }
  return children;
}

std::string service_of(const std::string& instance) {
  return instance.substr(0, instance.find('-'));
}

namespace {

// The lowest port that the system gives to clients. One of those is no good for a server that is to
// come back on its port after a death: meanwhile a client may have been given it, even one that
// just tried to reach it and then is connected to itself.
int first_client_port() {
  int first = 32'768;
  if (std::FILE* const range = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    if (std::fscanf(range, "%d", &first) != 1) first = 32'768;
    std::fclose(range);
  }
  return first;
}

bool is_free(std::uint16_t port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return bound;
}

// Any port that the system has; for machines that give nearly all of theirs to clients.
millrace::Result<std::uint16_t> client_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool found = probe >= 0 &&
                     ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int why = errno;
  if (probe >= 0) ::close(probe);
  if (!found)
    return millrace::fail(millrace::errc::io_error,
                          std::string("no free port on loopback: ") + std::strerror(why));
  return ntohs(address.sin_port);
}

}  // namespace

millrace::Result<std::uint16_t> free_port(const std::vector<std::uint16_t>& taken) {
  constexpr int lowest = 10'000;
  const int count = first_client_port() - lowest;
  // Those who begin at the same time begin at different places.
  for (int i = 0; i < std::min(count, 1'000); ++i) {
    const auto port = static_cast<std::uint16_t>(lowest + (::getpid() * 7 + i) % count);
    if (std::find(taken.begin(), taken.end(), port) == taken.end() && is_free(port)) return port;
  }
  return client_port();
}

}  // namespace retail
