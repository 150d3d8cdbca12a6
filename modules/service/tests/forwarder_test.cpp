// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/forwarder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/http/server.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/service/discovery.hpp"
#include "millrace/service/edge_writer.hpp"
#include "millrace/service/requests.hpp"
#include "millrace/service/views.hpp"
#include "request_tills.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

/// An instance of the service of tills with a server on a port of its own. The test steps it.
class TillInstance {
 public:
  TillInstance(log::MemoryBroker& broker, const std::string& member)
      : name(member),
        log_(broker.connect({.service = "tills", .member = member})),
        instance_(*stream::Instance::open(*log_, tills::topology(), {},
                                          {real_clock(), real_file_system(), random_, {}})),
        gate_(*log_),
        edge_(*log_, real_clock(), random_, 1U << 20U),
        discovery_(*log_, real_clock(), [this] { return descriptor(); }),
        forwarder_(discovery_.instances(), "tills", [this] { return name; }),
        desks_({.log = *log_,
                .writer = edge_.records(),
                .instance = *instance_,
                .durability = gate_,
                .logger = logger_,
                .metrics = metrics_,
                .forwarder = &forwarder_}) {
    server_.emplace(http::ServerOptions{}, logger_, metrics_);
    add_view_routes(server_->router(), *instance_, *log_, gate_, {}, &forwarder_);
    const Requests<tills::Bookings> bookings(*desks_.desk("requests").value());
    server_->router().add(http::Method::get, "/bookings/{id}",
                          [bookings](const http::Request& request, http::Responder responder) {
                            const std::string id(request.param("id"));
                            bookings.look(
                                {std::move(responder), request.target, request.headers}, id,
                                [](const auto&) { return http::Response{.body = "booked"}; });
                          });
    EXPECT_TRUE(server_->start());
  }
  ~TillInstance() { stop(); }
  TillInstance(const TillInstance&) = delete;
  TillInstance& operator=(const TillInstance&) = delete;

  void step() { EXPECT_TRUE(instance_->step()); }
  void discover() {
    EXPECT_TRUE(discovery_.step());
    EXPECT_TRUE(discovery_.step());
  }
  void leave() { EXPECT_TRUE(discovery_.leave()); }
  void stop() {
    server_->stop();
    desks_.stop();
  }
  [[nodiscard]] std::size_t tasks() const {
    const auto status = instance_->status();
    return status.ready ? status.tasks.size() : 0;
  }
  http::Response get(const std::string& target, const http::Headers& headers = {}) const {
    const auto response = http::fetch(http::Method::get, server_->url() + target, {}, headers);
    EXPECT_TRUE(response) << response.error().to_string();
    return response ? *response : http::Response{.status = 0};
  }
  InstanceDescriptor descriptor() const {
    InstanceDescriptor made;
    made.service = "tills";
    made.instance = name;
    made.address = server_->url();
    made.owned = owned_partitions(*instance_);
    return made;
  }

  const std::string name;

 private:
  SeededRandom random_{7};
  telemetry::Logger logger_{
      {"tills", 1, telemetry::Level::off}, real_clock(), telemetry::stderr_sink()};
  telemetry::MetricRegistry metrics_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<stream::Instance> instance_;
  DurabilityGate gate_;
  EdgeWriter edge_;
  Discovery discovery_;
  Forwarder forwarder_;
  RequestDesks desks_;
  std::optional<http::Server> server_;
};

class TwoInstances : public testing::Test {
 protected:
  TwoInstances() {
    const auto writer = broker.connect({.service = "writer", .member = ""});
    commands_ = writer->create_topic({"tills.commands", 4, log::TopicKind::commands, "tills"})
                    .value_or(log::Topic{});
  }
  void SetUp() override {
    while (one.tasks() == 0 || one.tasks() != two.tasks()) {
      one.step();
      two.step();
    }
    for (TillInstance* instance : {&one, &two, &one})
      instance->discover();
  }
  /// Of the response of an instance: another one gave it.
  static bool was_forwarded(const http::Response& response) {
    return response.headers.contains(owner_header);
  }

  log::MemoryBroker broker{real_clock(), false};
  log::Topic commands_;
  TillInstance one{broker, "one"};
  TillInstance two{broker, "two"};
};

const std::string paths[] = {"/views/totals/till-", "/bookings/booking-"};

TEST_F(TwoInstances, respond_alike_for_the_keys_of_both) {
  for (const std::string& path : paths) {
    std::set<std::string> owners;
    for (int i = 0; i < 16; ++i) {
      const std::string target = path + std::to_string(i);
      const http::Response of_one = one.get(target);
      const http::Response of_two = two.get(target);
      EXPECT_EQ(of_one.status, 404) << target << of_one.body;
      EXPECT_EQ(of_one.body, of_two.body);
      EXPECT_EQ(of_one.headers.find("Content-Type"), of_two.headers.find("Content-Type"));
      ASSERT_NE(was_forwarded(of_one), was_forwarded(of_two)) << target;
      owners.emplace(*(was_forwarded(of_one) ? of_one : of_two).headers.find(owner_header));
    }
    EXPECT_EQ(owners, (std::set<std::string>{"one", "two"}));
  }
}

TEST_F(TwoInstances, do_not_forward_what_was_forwarded) {
  for (const std::string& path : paths) {
    int refused = 0;
    for (int i = 0; i < 16; ++i) {
      const auto response = one.get(path + std::to_string(i), {{forwarded_header, "somebody"}});
      EXPECT_FALSE(was_forwarded(response));
      if (response.status == 503) ++refused;
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 16);
  }
}

TEST_F(TwoInstances, say_when_to_ask_again_when_the_owner_does_not_respond) {
  two.stop();
  int refused = 0;
  for (int i = 0; i < 16; ++i) {
    const http::Response response = one.get("/views/totals/till-" + std::to_string(i));
    if (response.status == 404) continue;
    ++refused;
    EXPECT_EQ(response.status, 503);
    EXPECT_THAT(response.body, HasSubstr("service.not_owner"));
    EXPECT_THAT(response.body, HasSubstr("instance two at http://127.0.0.1:"));
    EXPECT_EQ(response.headers.find("Retry-After"), "1");
  }
  EXPECT_GT(refused, 0);
}

TEST_F(TwoInstances, say_when_to_ask_again_when_there_is_no_owner) {
  two.leave();
  one.discover();
  int refused = 0;
  for (const std::string& path : paths) {
    for (int i = 0; i < 16; ++i) {
      const http::Response response = one.get(path + std::to_string(i));
      if (response.status == 404) continue;
      ++refused;
      EXPECT_EQ(response.status, 503);
      EXPECT_THAT(response.body, HasSubstr("service.not_owner"));
      EXPECT_EQ(response.headers.find("Retry-After"), "1");
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace millrace::service
