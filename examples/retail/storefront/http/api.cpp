// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "api.hpp"

#include <atomic>
#include <charconv>
#include <memory>
#include <optional>

#include "answers.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/write_json.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/service/entries.hpp"
#include "millrace/service/requests.hpp"
#include "posted.hpp"

namespace retail::storefront {

using millrace::http::problem;
using millrace::http::Request;
using millrace::http::Responder;
using millrace::http::Response;

namespace {

constexpr std::chrono::seconds default_patience{30};
constexpr std::chrono::seconds max_patience{50};
constexpr std::size_t default_top = 10;
constexpr std::size_t max_top = 1'000;
constexpr std::size_t all_products = 1'000'000;

struct RevenueAnswer {
  Country country;
  Money revenue_milli;
  Money refunds_milli;
  std::int64_t orders = 0;
};
BOOST_DESCRIBE_STRUCT(RevenueAnswer, (), (country, revenue_milli, refunds_milli, orders))

struct ProductAnswer {
  ProductCode product;
  std::int64_t units = 0;
  Money revenue_milli;
};
BOOST_DESCRIBE_STRUCT(ProductAnswer, (), (product, units, revenue_milli))

// Numbers with every digit, as the API has them: to_json() refuses those beyond 2^53.
template <class T>
std::string json_of(const T& value) {
  std::string out;
  millrace::JsonWriter writer(out);
  millrace::codec::write_json(millrace::codec::type_info<T>(), &value, writer);
  return out;
}

// `Prefer: wait=SECONDS`, within bounds.
std::chrono::milliseconds patience_of(const Request& request) {
  return std::min<std::chrono::milliseconds>(
      millrace::http::prefer_wait(request.headers).value_or(default_patience), max_patience);
}

// The caller's span is the parent of what begins here; without one the request starts a trace of
// its own, made of the request.
millrace::codec::TraceContext trace_of(std::string_view traceparent, const Posted& posted) {
  auto trace =
      millrace::codec::parse_traceparent(traceparent).value_or(millrace::codec::TraceContext{});
  if (!trace.valid()) {
    trace.trace_high = millrace::xxh64(posted.id.text, 1);
    trace.trace_low = millrace::xxh64(posted.id.text, 2);
  }
  trace.span = millrace::xxh64(posted.id.text, posted.body_hash);
  return trace;
}

class Api {
 public:
  using Asking = millrace::service::Requests<Requests>;
  using Products = millrace::stream::View<ProductCode, ProductSalesChanged>;
  Api(millrace::service::Context& context, Asking requests, Products products)
      : context_(context), requests_(requests), products_(std::move(products)) {}

  void post(RequestKind kind, const Request& request, Responder responder) const {
    auto posted = read_posted(kind, request.body, context_.clock.wall_ms());
    if (!posted)
      return responder.send(problem(400, posted.error().code().name, "The body cannot be read",
                                    posted.error().message()));
    const auto trace = trace_of(request.header("traceparent").value_or(""), *posted);
    requests_.respond_with({std::move(responder), {}}, posted->id, posted->event,
                           {.id = posted->id.text,
                            .within = patience_of(request),
                            .trace = trace,
                            .time_ms = posted->ordered_at_ms},
                           [kind, id = posted->id](const millrace::Result<Reply>& reply) {
                             return reply_answer(kind, id, reply);
                           });
  }

  void get(RequestKind kind, const Request& request, Responder responder) const {
    const RequestId id{std::string(request.param("id"))};
    const auto answer = find<RequestId, RequestView>(status_store, id);
    if (!answer) return responder.send(unavailable(answer.error()));
    const std::optional<RequestView>& view = answer->value;
    std::string detail = "nothing is known of " + id.text;
    if (view && view->kind != kind && view->kind != RequestKind::unknown) {
      detail = id.text + " is another kind of request: " + location_of(view->kind, id);
    }
    send(answer->position,
         view && view->kind == kind ? status_answer(id, *view)
                                    : problem(404, "not-found", "", detail),
         std::move(responder));
  }

  void revenue(const Request& request, Responder responder) const {
    const auto country = request.query_param("country");
    if (!country || country->empty())
      return responder.send(problem(400, "missing-parameter", "", "country: missing"));
    const Country key{std::string(*country)};
    const auto answer = find<Country, RevenueChanged>(revenue_store, key);
    if (!answer) return responder.send(unavailable(answer.error()));
    const RevenueChanged totals = answer->value.value_or(RevenueChanged{});
    Response response;
    response.body =
        json_of(RevenueAnswer{key, totals.revenue_milli, totals.refunds_milli, totals.orders});
    send(answer->position, std::move(response), std::move(responder));
  }

  void products(const Request& request, Responder responder) const {
    std::size_t top = default_top;
    if (const auto text = request.query_param("top")) {
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), top);
      if (error != std::errc() || end != text->data() + text->size() || top == 0 || top > max_top) {
        return responder.send(
            problem(400, "bad-parameter", "",
                    "top: a whole number from 1 to " + std::to_string(max_top) + " is wanted"));
      }
    }
    auto answer = products_.all(all_products);
    if (!answer) return responder.send(unavailable(answer.error()));
    std::vector<ProductAnswer> list;
    for (auto& [product, sales] : best_sellers(std::move(answer->value), top))
      list.push_back({product, sales.units, sales.revenue_milli});
    Response response;
    response.body = json_of(list);
    // The best of what this instance has.
    if (!answer->has_all_partitions()) {
      response.headers.add("Missing-Partitions",
                           millrace::service::partition_list(answer->missing_partitions));
    }
    send(answer->position, std::move(response), std::move(responder));
  }

 private:
  template <class K, class V>
  [[nodiscard]] millrace::Result<millrace::stream::Answer<std::optional<V>>> find(
      std::string_view store, const K& key) const {
    return millrace::service::find_entry<K, V>(context_.instance, context_.log, store, key);
  }

  static Response unavailable(const millrace::Error& error) {
    return millrace::http::problem_retry(503, std::chrono::seconds(1), error.code().name,
                                         error.message());
  }

  void send(millrace::log::LogPosition position, Response response, Responder responder) const {
    auto held =
        std::make_shared<std::pair<Response, Responder>>(std::move(response), std::move(responder));
    context_.durability.when_durable(position, [held](const millrace::Status& status) {
      held->second.send(status ? std::move(held->first) : unavailable(status.error()));
    });
  }

  millrace::service::Context& context_;
  const Asking requests_;
  const Products products_;
};

}  // namespace

namespace {

// Whether each task of the storefront has an instance.
bool is_shared(millrace::service::Context& context) {
  const auto groups = context.log.groups();
  if (!groups) return false;
  std::size_t tasks = 0;
  for (const millrace::log::GroupInfo& group : *groups) {
    if (!group.name.starts_with("storefront/")) continue;
    for (const auto& task : group.tasks) {
      if (task.member.empty()) return false;
      ++tasks;
    }
  }
  return tasks > 0;
}

}  // namespace

void add_readiness(millrace::service::Context& context) {
  // Its own topics are there at once, those of orders and stock only when these have started: then
  // the instances share the view. One may get nothing of it, when there are many. Once they did it
  // looks no more.
  auto seen = std::make_shared<std::atomic<bool>>(false);
  context.health.add_check("status", [&context, seen]() -> std::optional<std::string> {
    if (seen->load(std::memory_order_relaxed)) return std::nullopt;
    const auto partitions =
        millrace::service::store_partitions(context.instance, context.log, status_store);
    if (!partitions) return partitions.error().message();
    if (partitions->count == 0) return "orders and stock have not started yet";
    if (partitions->here.size() < static_cast<std::size_t>(partitions->count) &&
        !is_shared(context))
      return "a part of the view has no instance yet";
    seen->store(true, std::memory_order_relaxed);
    return std::nullopt;
  });
}

millrace::Status add_api(millrace::http::Router& router, millrace::service::Context& context) {
  MILLRACE_ASSIGN(auto requests, context.requests<Requests>());
  MILLRACE_ASSIGN(auto products,
                  (context.instance.view<ProductCode, ProductSalesChanged>(products_store)));
  auto api = std::make_shared<const Api>(context, requests, std::move(products));
  auto options = context.ready;
  options.takes_json = true;
  auto routes = router.group(options);
  options.work = millrace::http::Work::heavy;
  auto heavy = router.group(options);
  const auto resource = [&](std::string_view path, RequestKind kind) {
    routes.post(path, [api, kind](const Request& request, Responder responder) {
      api->post(kind, request, std::move(responder));
    });
    routes.get(std::string(path) + "/{id}",
               [api, kind](const Request& request, Responder responder) {
                 api->get(kind, request, std::move(responder));
               });
  };
  resource("/orders", RequestKind::order);
  resource("/returns", RequestKind::goods_return);
  resource("/write-offs", RequestKind::write_off);
  routes.get("/insights/revenue", [api](const Request& request, Responder responder) {
    api->revenue(request, std::move(responder));
  });
  // Looks at all products there are.
  heavy.get("/insights/products", [api](const Request& request, Responder responder) {
    api->products(request, std::move(responder));
  });
  routes.get("/openapi.json", [](const Request&, Responder responder) {
    Response response;
    response.body = openapi_json();
    responder.send(std::move(response));
  });
  return {};
}

}  // namespace retail::storefront
