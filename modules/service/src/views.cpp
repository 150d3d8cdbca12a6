// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/views.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/typed_object.hpp"
#include "millrace/codec/write_json.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/service/entries.hpp"

namespace millrace::service {

namespace {

constexpr std::size_t default_limit = 100;
constexpr std::size_t max_limit = 10'000;

const stream::StoreSpec* find_store(const stream::Topology& topology, std::string_view name) {
  const auto found = std::find_if(topology.stores().begin(), topology.stores().end(),
                                  [name](const auto& one) { return one.name == name; });
  return found == topology.stores().end() ? nullptr : &*found;
}

// Keys given in a URL: text for string keys, JSON for others.
Result<std::string> key_from_text(const codec::TypeInfo& type, std::string_view text) {
  const codec::TypedObject key(type);
  std::string quoted;
  if (Status read = codec::decode_json(type, "", text, key.get()); !read) {
    JsonWriter(quoted).value(text);
    MILLRACE_TRY(codec::decode_json(type, "", quoted, key.get()));
  }
  std::string bytes;
  codec::encode_key(type, key.get(), bytes);
  return bytes;
}

Status write_key(const codec::TypeInfo& type, std::string_view bytes, JsonWriter& out) {
  const codec::TypedObject key(type);
  MILLRACE_TRY(codec::decode_key(type, bytes, key.get()));
  codec::write_json(type, key.get(), out);
  return {};
}

Status write_value(const stream::StoreSpec& store, std::string_view bytes, JsonWriter& out) {
  const codec::TypeInfo& type = *store.value;
  const codec::TypedObject value(type);
  MILLRACE_TRY(codec::decode_with(*store.serde, type, {}, bytes, value.get()));
  codec::write_json(type, value.get(), out);
  return {};
}

constexpr std::chrono::seconds retry_after{1};

http::Response error_response(const Error& error) {
  if (error.is(stream::errc::not_ready) || error.is(errc::not_owner)) {
    return http::problem_retry(503, retry_after, error.code().name, error.message());
  }
  const int status = error.is(stream::errc::unknown_store) ? 404 : 500;
  return http::problem(status, error.code().name, "", error.message());
}

class ViewRoutes {
 public:
  ViewRoutes(const stream::Instance& instance, log::Log& log, DurabilityGate& durability,
             const Forwarder* forwarder)
      : instance_(instance), log_(log), durability_(durability), forwarder_(forwarder) {}

  void list(http::Responder responder) const {
    std::string body;
    JsonWriter out(body);
    out.begin_object().key("views").begin_array();
    for (const stream::StoreSpec& store : instance_.topology().stores())
      out.value(store.name);
    out.end_array().end_object();
    http::Response response;
    response.body = out.take();
    responder.send(std::move(response));
  }

  void get(const http::Request& request, http::Responder responder) const {
    const stream::StoreSpec* store = find_store(instance_.topology(), request.param("store"));
    if (store == nullptr) return responder.send(unknown_store(request));
    Result<std::string> key = key_from_text(*store->key, request.param("key"));
    if (!key)
      return responder.send(http::problem(400, key.error().code().name, "", key.error().message()));
    auto answer = find_entry(instance_, log_, store->name, *key);
    if (!answer && answer.error().is(errc::not_owner) && forwarder_ != nullptr) {
      const auto where = partition_of_entry(instance_, log_, store->name, *key);
      if (!where) return responder.send(error_response(where.error()));
      return forwarder_->forward({request.target, request.headers, answer.error()}, *where,
                                 std::move(responder));
    }
    if (!answer) return responder.send(error_response(answer.error()));
    if (!answer->value) {
      return send(request, answer->position,
                  http::problem(404, "not-found", "", "no entry of that key"),
                  std::move(responder));
    }
    std::string body;
    JsonWriter out(body);
    if (Status done = write_value(*store, *answer->value, out); !done)
      return responder.send(error_response(done.error()));
    http::Response response;
    response.body = out.take();
    send(request, answer->position, std::move(response), std::move(responder));
  }

  void range(const http::Request& request, http::Responder responder) const {
    const stream::StoreSpec* store = find_store(instance_.topology(), request.param("store"));
    if (store == nullptr) return responder.send(unknown_store(request));
    Result<std::string> from = bound(*store, request, "from");
    Result<std::string> to = bound(*store, request, "to");
    Result<std::size_t> limit = read_limit(request);
    for (const auto* error : {from ? nullptr : &from.error(), to ? nullptr : &to.error(),
                              limit ? nullptr : &limit.error()}) {
      if (error != nullptr)
        return responder.send(http::problem(400, error->code().name, "", error->message()));
    }
    auto answer = instance_.read_range(store->name, *from, *to, *limit);
    if (!answer) return responder.send(error_response(answer.error()));
    std::string body;
    JsonWriter out(body);
    if (Status done = write_entries(*store, *answer, out); !done)
      return responder.send(error_response(done.error()));
    http::Response response;
    response.body = out.take();
    send(request, answer->position, std::move(response), std::move(responder));
  }

 private:
  http::Response unknown_store(const http::Request& request) const {
    std::string names;
    for (const stream::StoreSpec& store : instance_.topology().stores())
      names += (names.empty() ? "" : ", ") + store.name;
    return http::problem(
        404, "unknown-view", "",
        "there is no view '" + std::string(request.param("store")) + "'; there are: " + names);
  }

  static Result<std::string> bound(const stream::StoreSpec& store, const http::Request& request,
                                   std::string_view name) {
    const auto text = request.query_param(name);
    if (!text || text->empty()) return std::string();
    Result<std::string> key = key_from_text(*store.key, *text);
    if (!key) return fail(key.error().at(name));
    return key;
  }

  static Result<std::size_t> read_limit(const http::Request& request) {
    const auto text = request.query_param("limit");
    if (!text) return default_limit;
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size() || limit == 0 ||
        limit > max_limit) {
      return fail(millrace::errc::invalid_argument, "limit: a whole number from 1 to {} is wanted",
                  max_limit);
    }
    return limit;
  }

  using Entries = stream::Answer<std::vector<std::pair<std::string, std::string>>>;
  static Status write_entries(const stream::StoreSpec& store, const Entries& entries,
                              JsonWriter& out) {
    out.begin_object().key("entries").begin_array();
    for (const auto& [key, value] : entries.value) {
      out.begin_object().key("key");
      MILLRACE_TRY(write_key(*store.key, key, out));
      out.key("value");
      MILLRACE_TRY(write_value(store, value, out));
      out.end_object();
    }
    out.end_array();
    if (!entries.has_all_partitions())
      out.field("missing_partitions", partition_list(entries.missing_partitions));
    out.end_object();
    return {};
  }

  void send(const http::Request& request, log::LogPosition position, http::Response response,
            http::Responder responder) const {
    if (request.query_param("durability") == "any") return responder.send(std::move(response));
    auto held = std::make_shared<std::pair<http::Response, http::Responder>>(std::move(response),
                                                                             std::move(responder));
    durability_.when_durable(position, [held](const Status& status) {
      held->second.send(
          status ? std::move(held->first)
                 : http::problem(503, status.error().code().name, "", status.error().message()));
    });
  }

  const stream::Instance& instance_;
  log::Log& log_;
  DurabilityGate& durability_;
  const Forwarder* forwarder_;
};

}  // namespace

void add_view_routes(http::Router& router, const stream::Instance& instance, log::Log& log,
                     DurabilityGate& durability, const http::RouteOptions& options,
                     const Forwarder* forwarder) {
  auto routes = std::make_shared<const ViewRoutes>(instance, log, durability, forwarder);
  // A range reads and writes as much as it is asked for, and the first one of a store sorts its
  // keys.
  http::RouteOptions heavy = options;
  heavy.work = http::Work::heavy;
  router.group(heavy).get("/views/{store}",
                          [routes](const http::Request& request, http::Responder responder) {
                            routes->range(request, std::move(responder));
                          });
  router.group(options)
      .get("/views", [routes](const http::Request&,
                              http::Responder responder) { routes->list(std::move(responder)); })
      .get("/views/{store}/{key}",
           [routes](const http::Request& request, http::Responder responder) {
             routes->get(request, std::move(responder));
           });
}

}  // namespace millrace::service
