// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/forwarder.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "millrace/http/problem.hpp"

namespace millrace::service {

namespace {

constexpr std::chrono::milliseconds ask_again_after{1'000};
constexpr std::size_t connections_to_owner = 4;

// Of one connection, and what the client of the forwarder writes itself.
bool is_of_connection(std::string_view name) {
  constexpr std::string_view names[] = {"Keep-Alive", "TE", "Trailer", "Upgrade", "Expect"};
  return std::any_of(std::begin(names), std::end(names),
                     [name](std::string_view one) { return http::equal_ignoring_case(one, name); });
}

http::Headers without_connection(const http::Headers& headers) {
  http::Headers kept;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers.at(i);
    if (!is_of_connection(name)) kept.add(name, value);
  }
  return kept;
}

http::Response refusal(const Error& error) {
  return http::problem_retry(503, ask_again_after, error.code().name, error.message());
}

http::Response response_of_owner(Result<http::Response> response, const InstanceDescriptor& owner) {
  if (!response) {
    return refusal(Error(errc::not_owner, "instance " + owner.instance + " at " + owner.address +
                                              ", which has the partition, did not respond (" +
                                              response.error().message() + "): ask again"));
  }
  response->content_type = response->headers.find("Content-Type").value_or("");
  response->headers = without_connection(response->headers);
  response->headers.set(owner_header, owner.instance);
  return *std::move(response);
}

}  // namespace

Forwarder::Forwarder(const Instances& instances, std::string service,
                     std::function<std::string()> self, std::chrono::milliseconds timeout)
    : instances_(instances),
      service_(std::move(service)),
      self_(std::move(self)),
      timeout_(timeout) {}
Forwarder::~Forwarder() = default;

void Forwarder::forward(const Query& query, const EntryPartition& where,
                        http::Responder responder) const {
  if (query.headers.contains(forwarded_header)) return responder.send(refusal(query.refused));
  const std::string self = self_();
  const auto owner = instances_.owner(service_, where.part, where.partition, self);
  if (!owner || owner->address.empty()) return responder.send(refusal(query.refused));
  const Result<Pool> pool = this->pool(owner->address);
  if (!pool) return responder.send(response_of_owner(fail(pool.error()), *owner));
  http::ClientRequest request;
  request.target = query.target;
  request.headers = without_connection(query.headers);
  request.headers.set(forwarded_header, self);
  request.timeout = timeout_;
  auto held = std::make_shared<http::Responder>(std::move(responder));
  const Status taken =
      (*pool)->send(std::move(request), [held, owner = *owner](Result<http::Response> response) {
        held->send(response_of_owner(std::move(response), owner));
      });
  if (!taken) held->send(response_of_owner(fail(taken.error()), *owner));
}

Result<Forwarder::Pool> Forwarder::pool(const std::string& address) const {
  std::vector<Pool> gone;  // they end without the lock: what is under way there responds
  const MutexLock lock(mutex_);
  if (const auto found = pools_.find(address); found != pools_.end()) return found->second;
  const std::vector<LiveInstance> live = instances_.live();
  for (auto one = pools_.begin(); one != pools_.end();) {
    const bool lives = std::any_of(live.begin(), live.end(), [&](const LiveInstance& instance) {
      return instance.descriptor.address == one->first;
    });
    if (!lives) gone.push_back(std::move(one->second));
    one = lives ? std::next(one) : pools_.erase(one);
  }
  http::ClientPoolOptions options;
  options.url = address;
  options.connections = connections_to_owner;
  MILLRACE_ASSIGN(auto made, http::ClientPool::create(std::move(options)));
  return pools_.emplace(address, std::move(made)).first->second;
}

}  // namespace millrace::service
