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
  auto held = std::make_shared<http::Responder>(std::move(responder));
  send(query, *owner, [held, owner = *owner](Result<http::Response> response) {
    held->send(response_of_owner(std::move(response), owner));
  });
}

void Forwarder::send(const Query& query, const InstanceDescriptor& owner,
                     http::ClientPool::Callback done) const {
  const Result<Pool> pool = this->pool(owner.address);
  if (!pool) return done(fail(pool.error()));
  http::ClientRequest request;
  request.target = query.target;
  request.headers = without_connection(query.headers);
  request.headers.set(forwarded_header, self_());
  request.timeout = timeout_;
  const Status taken = (*pool)->send(std::move(request), done);
  if (!taken) done(fail(taken.error()));
}

namespace {

/// Parts that come from several threads.
struct Gathering {
  Mutex mutex;
  std::vector<Forwarder::Part> parts MILLRACE_GUARDED_BY(mutex);
  std::size_t left MILLRACE_GUARDED_BY(mutex) = 0;
  std::function<void(std::vector<Forwarder::Part>)> done;

  void add(std::size_t index, Result<http::Response> response) {
    std::vector<Forwarder::Part> all;
    {
      const MutexLock lock(mutex);
      parts[index].response = std::move(response);
      if (--left > 0) return;
      all = std::move(parts);
    }
    done(std::move(all));
  }
};

}  // namespace

void Forwarder::gather(const Query& query, std::string_view part,
                       const std::vector<std::int32_t>& partitions,
                       std::function<void(std::vector<Part>)> done) const {
  std::vector<InstanceDescriptor> owners;
  std::vector<Part> parts;
  for (const std::int32_t partition : partitions) {
    auto owner = instances_.owner(service_, part, partition, self_());
    if (!owner || owner->address.empty()) owner = InstanceDescriptor{};
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const Part& one) {
      return one.instance == owner->instance;
    });
    if (same != parts.end()) {
      same->partitions.push_back(partition);
      continue;
    }
    parts.push_back({owner->instance, {partition}, fail(query.refused)});
    owners.push_back(*std::move(owner));
  }
  const auto gathering = std::make_shared<Gathering>();
  gathering->done = std::move(done);
  {
    const MutexLock lock(gathering->mutex);
    gathering->left = parts.size();
    gathering->parts = std::move(parts);
  }
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (owners[i].instance.empty()) {
      gathering->add(i, fail(query.refused));
      continue;
    }
    send(query, owners[i], [gathering, i](Result<http::Response> response) {
      gathering->add(i, std::move(response));
    });
  }
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
