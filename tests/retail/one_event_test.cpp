// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <map>
#include <millrace_test_paths.hpp>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "harness.hpp"
#include "millrace/codec/describe.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

// A row of docs/one-event.md.
struct Hop {
  std::string number, after, file, function, topic, event;
};

std::string source(const std::string& path) {
  return std::string(millrace::test::source_dir) + "/" + path;
}

std::string trimmed(const std::string& cell) {
  const std::size_t begin = cell.find_first_not_of(" `");
  return begin == std::string::npos ? std::string()
                                    : cell.substr(begin, cell.find_last_not_of(" `") - begin + 1);
}

std::vector<Hop> hops() {
  std::vector<Hop> hops;
  std::istringstream page(read_text(source("docs/one-event.md")));
  for (std::string line; std::getline(page, line);) {
    if (!std::regex_search(line, std::regex("^\\| [0-9]+ \\|"))) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');)
      cells.push_back(trimmed(cell));
    if (cells.size() >= 6)
      hops.push_back({cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]});
  }
  return hops;
}

// `Class::function` or `Class::function(Argument)`: the class is there, and the function, and with
// an argument one that takes it.
bool has_function(const std::string& text, const std::string& name) {
  const std::smatch parts = [&] {
    std::smatch match;
    std::regex_match(name, match, std::regex("(?:(\\w+)::)?(\\w+)(?:\\(([\\w:]+)\\))?"));
    return match;
  }();
  if (parts.empty()) return false;
  if (parts[1].matched && !std::regex_search(text, std::regex("\\b" + parts[1].str() + "\\b")))
    return false;
  const std::string arguments = parts[3].matched ? "[^)]*\\b" + parts[3].str() + "\\b" : "";
  return std::regex_search(text, std::regex("\\b" + parts[2].str() + "\\(" + arguments));
}

struct TracedRecord {
  std::string topic;
  std::optional<std::string> kind;
  std::optional<std::string> type;
};
BOOST_DESCRIBE_STRUCT(TracedRecord, (), (topic, kind, type))
struct Trace {
  std::vector<TracedRecord> records;
};
BOOST_DESCRIBE_STRUCT(Trace, (), (records))

TEST(OneEvent, every_function_of_the_page_is_in_the_file_it_names) {
  ASSERT_GT(hops().size(), 20U);
  for (const Hop& hop : hops()) {
    const std::string text = read_text(source(hop.file));
    EXPECT_FALSE(text.empty()) << "hop " << hop.number << ": there is no " << hop.file;
    EXPECT_TRUE(has_function(text, hop.function))
        << "hop " << hop.number << ": " << hop.function << " is not in " << hop.file;
  }
}

TEST(OneEvent, a_real_order_visits_the_topics_of_the_page_in_their_order) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  const Posting posting = order("ONE-1", "85123A", 2, 2'550, "France");
  ASSERT_EQ(services.post(posting.target, posting.body).status, 201);
  ASSERT_TRUE(services.at_rest(1));
  const Finished traced =
      run_program({{program("millrace"), "--log", services.log_url(), "trace", "ONE-1", "--json"}},
                  directory.path());
  ASSERT_EQ(traced.exit, (Exit{0, 0})) << traced.output;
  const auto trace = millrace::codec::from_json<Trace>(traced.output);
  ASSERT_TRUE(trace) << trace.error().message() << "\n" << traced.output;

  std::set<std::string> known;
  // Behind which record of the trace each hop is.
  std::map<std::string, std::size_t> behind;
  const auto& records = trace->records;
  for (const Hop& hop : hops()) {
    ASSERT_TRUE(hop.after.empty() || behind.contains(hop.after))
        << "hop " << hop.number << " comes after a hop that is not there";
    std::size_t at = hop.after.empty() ? 0 : behind[hop.after];
    if (!hop.topic.empty()) {
      known.insert(hop.topic);
      const auto is_visit = [&](const TracedRecord& record) {
        return record.topic == hop.topic && (hop.event.empty() || record.type == hop.event);
      };
      while (at < records.size() && !is_visit(records[at]))
        ++at;
      ASSERT_LT(at, records.size())
          << "hop " << hop.number << ": the order does not come to " << hop.topic << " then\n"
          << traced.output;
      ++at;
    }
    behind[hop.number] = at;
  }
  for (const TracedRecord& record : trace->records) {
    if (record.kind != "events") continue;
    EXPECT_TRUE(known.contains(record.topic)) << "the page says nothing of " << record.topic;
  }
}

}  // namespace
}  // namespace retail_test
