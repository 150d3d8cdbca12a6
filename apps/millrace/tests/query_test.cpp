// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <unistd.h>

#include "commands/commands.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/http/responder.hpp"
#include "millrace/http/router.hpp"
#include "millrace/http/server.hpp"
#include "millrace/telemetry/log_sink.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/telemetry/metrics.hpp"
#include "run_directory.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

// A directory that is gone after the test.
class RunDirectory : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/millrace_run_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    directory = path;
  }
  void TearDown() override {
    const auto names = files.list(directory);
    ASSERT_TRUE(names);
    for (const std::string& name : *names) {
      ASSERT_TRUE(files.remove(directory + "/" + name));
    }
    ::rmdir(directory.c_str());
  }
  void write(const std::string& name, std::int64_t pid, int port) {
    ASSERT_TRUE(write_file_atomically(files, directory + "/" + name + ".json",
                                      "{\"pid\":" + std::to_string(pid) + ",\"port\":" +
                                          std::to_string(port) + ",\"version\":\"0.1.0\"}\n"));
  }
  // The message with which a query of `stock` fails.
  std::string refusal(const std::string& service) {
    Screen screen;
    QueryOptions options;
    options.service = service;
    options.run_directory = directory;
    const Status done = query(files, options, screen.out);
    return done ? "" : done.error().message();
  }
  FileSystem& files = real_file_system();
  std::string directory;
};

TEST_F(RunDirectory, knows_all_instances_of_a_service) {
  write("stock", ::getpid(), 1001);
  write("stock-2", ::getpid(), 1002);
  write("stocktaking", ::getpid(), 1003);
  const auto instances = find_instances(files, directory, "stock");
  ASSERT_TRUE(instances);
  ASSERT_EQ(instances->size(), 2U);
  EXPECT_EQ((*instances)[0].port + (*instances)[1].port, 2003);
}

TEST_F(RunDirectory, says_when_a_service_is_not_up) {
  EXPECT_NE(refusal("stock").find("no service is up"), std::string::npos);
  write("stock", 0, 1001);
  EXPECT_NE(refusal("stock").find("is not up: start ./run"), std::string::npos);
}

TEST_F(RunDirectory, suggests_the_service_that_was_meant) {
  write("stock", ::getpid(), 1001);
  EXPECT_NE(refusal("stok").find("did you mean 'stock'?"), std::string::npos);
}

TEST_F(RunDirectory, a_port_that_nobody_listens_on_is_a_service_that_is_not_up) {
  write("stock", ::getpid(), 1);
  EXPECT_NE(refusal("stock").find("is not up"), std::string::npos) << refusal("stock");
}

TEST_F(RunDirectory, a_missing_one_is_an_error_that_says_what_to_do) {
  const auto instances = find_instances(files, directory + "/none", "stock");
  ASSERT_FALSE(instances);
  EXPECT_NE(instances.error().message().find("--run DIR"), std::string::npos);
}

TEST(RunDirectoryOf, is_beside_the_log) {
  EXPECT_EQ(run_directory_of("./data/log"), "./data/run");
  EXPECT_EQ(run_directory_of("/srv/shop/log/"), "/srv/shop/run");
  EXPECT_EQ(run_directory_of("log"), "run");
}

// A service with one view of one entry.
class Query : public RunDirectory {
 protected:
  void SetUp() override {
    RunDirectory::SetUp();
    server.router().add(http::Method::get, "/views",
                        [](const http::Request&, http::Responder responder) {
                          responder.send({200, "{\"views\":[\"shelves\"]}"});
                        });
    server.router().add(
        http::Method::get, "/views/{store}",
        [](const http::Request& request, http::Responder responder) {
          const std::string target = "\"" + request.target + "\"";
          responder.send({200, R"({"entries":[{"key":"85123A","value":{"free":628,"at":)" + target +
                                   R"(}},{"key":"b","value":{"free":-7}}]})"});
        });
    server.router().add(
        http::Method::get, "/views/{store}/{key}",
        [](const http::Request& request, http::Responder responder) {
          if (request.param("key") == "85 123A") return responder.send({200, "{\"free\":200}"});
          responder.send(http::problem(404, "not-found", "", "no entry of that key"));
        });
    ASSERT_TRUE(server.start());
    write("stock", ::getpid(), server.port());
  }
  Status ask(const std::string& view, const std::string& key, const std::string& from = "",
             bool json = false) {
    QueryOptions options;
    options.json = json;
    options.service = "stock";
    options.view = view;
    options.key = key;
    options.from = from;
    options.run_directory = directory;
    return query(files, options, screen.out);
  }
  telemetry::MetricRegistry metrics;
  telemetry::Logger logger{
      {.service = "test"}, real_clock(), std::make_shared<telemetry::CapturingSink>()};
  http::Server server{http::ServerOptions{}, logger, metrics};
  Screen screen;
};

TEST_F(Query, lists_the_views) {
  ASSERT_TRUE(ask("", ""));
  EXPECT_EQ(screen.text, "shelves\n");
}

TEST_F(Query, answers_the_value_of_a_key) {
  ASSERT_TRUE(ask("shelves", "85 123A"));
  EXPECT_EQ(screen.text, "MEMBER  VALUE\nfree      200\n");
}

TEST_F(Query, answers_json_as_it_came_when_asked) {
  ASSERT_TRUE(ask("shelves", "85 123A", "", true));
  EXPECT_EQ(screen.text, "{\"free\":200}\n");
}

TEST_F(Query, of_a_key_that_is_not_there_fails_with_the_reason) {
  const Status done = ask("shelves", "none");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("no entry of that key"), std::string::npos);
}

// Two instances: the second one has no partition of a key that begins with `theirs`.
class QueryOfTwo : public Query {
 protected:
  void SetUp() override {
    Query::SetUp();
    other.router().add(
        http::Method::get, "/views/{store}/{key}",
        [](const http::Request& request, http::Responder responder) {
          const std::string key(request.param("key"));
          if (key == "broken") {
            return responder.send(http::problem(500, "codec.malformed", "", "bad"));
          }
          responder.send(http::problem(503, "service.not_owner", "", "ask the other one"));
        });
    ASSERT_TRUE(other.start());
  }
  std::string code_of_asking(const std::string& key) {
    const Status done = ask("shelves", key);
    return done ? "" : std::string(done.error().code().name);
  }
  http::Server other{http::ServerOptions{}, logger, metrics};
};

TEST_F(QueryOfTwo, believe_the_owner_of_the_key_that_there_is_none) {
  write("stock-2", ::getpid(), other.port());
  EXPECT_EQ(code_of_asking("none"), "base.not_found");
  EXPECT_EQ(code_of_asking("85 123A"), "");
}

TEST_F(QueryOfTwo, say_what_kind_of_failure_it_was) {
  write("stock", ::getpid(), other.port());
  EXPECT_EQ(code_of_asking("none"), "service.not_owner");
  EXPECT_EQ(code_of_asking("broken"), "base.io_error");
}

TEST_F(Query, asks_all_instances_although_some_are_not_up) {
  write("stock", ::getpid(), 1);
  write("stock-2", ::getpid(), server.port());
  write("stock-3", ::getpid(), 1);
  EXPECT_TRUE(ask("shelves", "85 123A"));
}

TEST_F(Query, answers_a_range) {
  ASSERT_TRUE(ask("shelves", "", "a b"));
  EXPECT_EQ(screen.text,
            "KEY     free  at\n"
            "85123A   628  /views/shelves?from=a%20b\n"
            "b         -7  -\n");
}

}  // namespace
}  // namespace millrace::cli
