// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "services.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace retail {

std::vector<millrace::service::ChildSpec> service_children(const RunOptions& options,
                                                           const EstateDirectory& directory,
                                                           const std::string& program_directory,
                                                           std::uint16_t storefront_port) {
  std::vector<millrace::service::ChildSpec> children;
  for (const char* name :
       {"orders", "stock", "payments", "shipments", "pricing", "storefront", "insights"}) {
    millrace::service::ChildSpec child;
    child.name = name;
    child.command = {program_directory + "/retail-" + name,
                     "--log",
                     options.log,
                     "--durability",
                     options.durability,
                     "--stock",
                     options.stock,
                     "--run-dir",
                     directory.path("run"),
                     "--state-dir",
                     directory.path("state")};
    if (child.name == "storefront") {
      child.command.insert(child.command.end(), {"--port", std::to_string(storefront_port)});
    }
    child.log_file = directory.path("logs") + "/" + name + ".log";
    children.push_back(std::move(child));
  }
  return children;
}

millrace::Result<std::uint16_t> free_port() {
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

}  // namespace retail
