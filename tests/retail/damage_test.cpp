// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "harness.hpp"
#include "log_reader.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/transaction.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

// A small file system of the test's own.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    if (::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=192m") != 0)
      why_not_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (why_not_.empty()) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

 private:
  std::string path_;
  std::string why_not_;
};

struct Verified {
  std::uint64_t end = 0;
};
BOOST_DESCRIBE_STRUCT(Verified, (), (end))

// Fills the journal with records of a program of its own until not even a small one is taken.
millrace::ErrorCode fill_journal(LogReader& reader) {
  namespace log = millrace::log;
  const auto topic = reader.log().create_topic({"filler", 1, log::TopicKind::events, "filler"});
  if (!topic) return topic.error().code();
  for (std::size_t size = 1U << 20U;;) {
    const std::string value(size, 'x');
    log::Transaction transaction;
    transaction.append({topic->id, log::partition(0)}, {0, "k", value, {}});
    const auto committed = reader.log().commit(transaction);
    if (committed) continue;
    if (!committed.error().is(log::errc::disk_full) || size == 1) return committed.error().code();
    size /= 2;
  }
}

TEST(FullDisk, refuses_clearly_loses_nothing_and_works_again_once_there_is_room) {
  const TemporaryDirectory directory;
  const SmallDisk disk(directory.file("disk"));
  if (!disk.why_not().empty())
    GTEST_SKIP() << "no tmpfs can be mounted here (" << disk.why_not() << "): it takes root";
  Services services(directory, {.log = directory.file("disk/log")});
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  Shoppers before(services, mixed_postings("V-", 60));
  ASSERT_TRUE(before.served());
  EXPECT_TRUE(before.all_answered(201));
  ASSERT_TRUE(services.at_rest(60));

  std::string ballast(directory.file("disk/ballast"));
  {
    std::ofstream file(ballast, std::ios::binary);
    const std::string chunk(64U << 10U, '\0');
    while (file.write(chunk.data(), static_cast<std::streamsize>(chunk.size())).flush()) {
    }
  }
  LogReader filler(services.log_directory(), "filler");
  ASSERT_EQ(fill_journal(filler).name, millrace::log::errc::disk_full.name);
  const Posting late = order("V-late");
  const auto refused = services.post(late.target, late.body);
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_TRUE(contains(refused.body, "disk_full")) << refused.body;
  EXPECT_TRUE(refused.headers.contains("Retry-After"));
  EXPECT_EQ(services.get("storefront", "/orders/V-0").status, 200)
      << "what is there can still be read";

  std::filesystem::remove(ballast);
  Shoppers after(services, mixed_postings("Z-", 60));
  ASSERT_TRUE(after.served());
  EXPECT_TRUE(after.all_answered(201));
  const auto accepted = services.post(late.target, late.body);
  EXPECT_EQ(accepted.status, 201) << accepted.body;
  ASSERT_TRUE(services.at_rest(121));
  for (const std::string& service : service_names())
    EXPECT_TRUE(services.process(service).running()) << service;
  const Finished audited =
      run_program({{program("retail-audit"), services.log_url(), "--json"}}, directory.path());
  EXPECT_EQ(audited.exit, (Exit{0, 0})) << audited.output;
  EXPECT_TRUE(services.stop_all());
}

// A system that has done something, and its log's files.
class Damaged : public testing::Test {
 protected:
  void SetUp() override {
    services_.start_all();
    ASSERT_TRUE(services_.all_ready());
    Shoppers shoppers(services_, mixed_postings("J-", 60));
    ASSERT_TRUE(shoppers.served());
    ASSERT_TRUE(services_.at_rest(60));
  }

  // The end of the journal; nobody may have the log open.
  [[nodiscard]] std::uint64_t end() const {
    const auto report =
        millrace::codec::from_json<Verified>(millrace({"log", "verify", "--json"}).output);
    return report ? report->end : 0;
  }

  [[nodiscard]] std::string log_file(const std::string& name) const {
    return services_.log_directory() + "/" + name;
  }

  // The first segment: position and place in the file are the same there.
  [[nodiscard]] std::string journal() const {
    return files_ending(services_.log_directory() + "/journal", ".journal").front();
  }

  void flip(const std::string& path, std::uint64_t at) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x10));
  }

  Finished start_alone(const std::string& service) const {
    return run_program(
        {{program("retail-" + service), "--log", services_.log_url(), "--stock", "ample"}},
        directory_.path());
  }
  Finished millrace(std::vector<std::string> arguments) const {
    Command command{{program("millrace"), "--log", services_.log_url()}};
    command.words.insert(command.words.end(), arguments.begin(), arguments.end());
    return run_program(command, directory_.path());
  }

  // What it reaches once the log is sound again, with everything it had.
  void works_again() {
    services_.start_all();
    ASSERT_TRUE(services_.all_ready());
    EXPECT_TRUE(
        contains(services_.get("storefront", "/orders/J-0").body, R"("status":"completed")"));
    Shoppers shoppers(services_, mixed_postings("R-", 20));
    ASSERT_TRUE(shoppers.served());
    EXPECT_TRUE(shoppers.all_answered(201));
    ASSERT_TRUE(services_.at_rest(80));
    const Audited audited = audit(directory_);
    EXPECT_TRUE(holds(audited.report));
    EXPECT_EQ(audited.report.invoices, 80);
    EXPECT_TRUE(services_.stop_all());
  }

  const TemporaryDirectory directory_;
  Services services_{directory_};
};

TEST_F(Damaged, a_control_file_that_was_deleted_is_made_again) {
  ASSERT_TRUE(services_.stop_all());
  std::filesystem::remove(log_file("control"));
  works_again();
}

TEST_F(Damaged, a_corrupt_control_file_is_rebuilt) {
  services_.kill_all();
  write_text(log_file("control"),
             std::string(std::filesystem::file_size(log_file("control")), '\xa5'));
  works_again();
}

TEST_F(Damaged, a_truncated_control_file_is_rebuilt) {
  services_.kill_all();
  std::filesystem::resize_file(log_file("control"), 100);
  works_again();
}

// How the system ended decides whether a checkpoint covers the place.
class DamagedInTheMiddle : public Damaged, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Ends, DamagedInTheMiddle, testing::Bool(), [](const auto& one) {
  return one.param ? "after_a_drain" : "after_a_kill";
});

TEST_P(DamagedInTheMiddle, a_flipped_byte_is_refused_and_named) {
  if (GetParam()) {
    ASSERT_TRUE(services_.stop_all());
  } else {
    services_.kill_all();
  }
  const std::uint64_t end = this->end();
  const std::string whole = read_text(journal()).substr(0, end);
  flip(journal(), end / 2);
  const Finished verified = millrace({"log", "verify"});
  EXPECT_EQ(verified.exit, (Exit{1, 0})) << verified.output;
  EXPECT_TRUE(contains(verified.output, journal())) << verified.output;
  const Finished orders = start_alone("orders");
  EXPECT_EQ(orders.exit, (Exit{1, 0})) << orders.output;
  EXPECT_TRUE(contains(orders.output, journal())) << orders.output;
  EXPECT_TRUE(contains(orders.output, "corrupt at position")) << orders.output;
  flip(journal(), end / 2);
  EXPECT_EQ(read_text(journal()).substr(0, end), whole) << "nothing was cut";
  EXPECT_EQ(millrace({"log", "verify"}).exit, (Exit{0, 0}));
  works_again();
}

TEST_F(Damaged, a_last_frame_that_is_torn_is_cut_and_done_again) {
  services_.kill_all();
  flip(journal(), end() - 16);
  const Finished verified = millrace({"log", "verify"});
  EXPECT_EQ(verified.exit, (Exit{0, 0})) << verified.output;
  EXPECT_TRUE(contains(verified.output, "torn")) << verified.output;
  works_again();
}

TEST_F(Damaged, what_was_half_written_behind_the_end_is_cut) {
  services_.kill_all();
  const std::uint64_t end = this->end();
  {
    const std::string frame = read_text(journal()).substr(0, 512);
    std::fstream file(journal(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(end));
    file.write(frame.data(), static_cast<std::streamsize>(frame.size()));
  }
  works_again();
}

TEST_F(Damaged, a_directory_of_a_newer_format_is_refused) {
  ASSERT_TRUE(services_.stop_all());
  const std::string version = read_text(log_file("version"));
  write_text(log_file("version"), "millrace-log 99" + version.substr(version.rfind(' ')));
  const Finished orders = start_alone("orders");
  EXPECT_EQ(orders.exit, (Exit{1, 0})) << orders.output;
  EXPECT_TRUE(contains(orders.output, "version 99")) << orders.output;
  const Finished topics = millrace({"topics"});
  EXPECT_EQ(topics.exit, (Exit{1, 0})) << topics.output;
  EXPECT_TRUE(contains(topics.output, "version 99")) << topics.output;
  write_text(log_file("version"), version);
  works_again();
}

}  // namespace
}  // namespace retail_test
