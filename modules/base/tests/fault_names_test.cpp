// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "millrace/base/fault_file_system.hpp"

// What a power cut leaves of files that were created, renamed and removed.
namespace millrace {
namespace {

/// A file whose bytes are durable, and whose name is not.
void write(FaultFileSystem& files, const std::string& path) {
  const auto file = files.open(path, OpenMode::create).value();
  ASSERT_TRUE(file->write_at(0, "x"));
  ASSERT_TRUE(file->sync());
}

/// What is left of changes that each seed loses or not.
template <class Change>
std::set<std::string> states_after_power_cuts(Change change) {
  std::set<std::string> states;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FaultFileSystem files;
    for (const std::string name : {"a", "b"}) {
      EXPECT_TRUE(write_file_atomically(files, name, "old " + name));
    }
    change(files);
    SeededRandom random(seed);
    files.lose_power(random);
    std::string state;
    const auto names = files.list(".").value();
    for (const std::string& name : names) {
      state += name + "=" + read_file(files, name).value() + " ";
    }
    states.insert(state);
    files.lose_power();
    EXPECT_EQ(files.list(".").value(), names) << "what survived is on the disk";
  }
  return states;
}

TEST(FaultNames, changes_of_names_survive_or_not_each_as_the_seed_says) {
  EXPECT_EQ(
      states_after_power_cuts([](FaultFileSystem& files) {
        ASSERT_TRUE(files.remove("a"));
        ASSERT_TRUE(files.rename("b", "c"));
      }),
      (std::set<std::string>{"a=old a b=old b ", "a=old a c=old b ", "b=old b ", "c=old b "}));
}

TEST(FaultNames, a_file_is_renamed_over_another_or_not_and_is_never_missing) {
  EXPECT_EQ(
      states_after_power_cuts([](FaultFileSystem& files) { ASSERT_TRUE(files.rename("b", "a")); }),
      (std::set<std::string>{"a=old a b=old b ", "a=old b "}));
}

TEST(FaultNames, a_change_needs_those_of_the_same_file_before_it) {
  EXPECT_EQ(states_after_power_cuts([](FaultFileSystem& files) {
              write(files, "new");
              ASSERT_TRUE(files.rename("new", "a"));
              ASSERT_TRUE(files.rename("b", "new"));
              ASSERT_TRUE(files.sync_directory("."));
              ASSERT_TRUE(files.remove("a"));
              ASSERT_TRUE(files.rename("new", "a"));
            }),
            (std::set<std::string>{"a=x new=old b ", "new=old b ", "a=old b "}));
  EXPECT_EQ(states_after_power_cuts([](FaultFileSystem& files) {
              write(files, "new");
              ASSERT_TRUE(files.rename("new", "b"));
              ASSERT_TRUE(files.remove("a"));
              ASSERT_TRUE(files.open("a", OpenMode::create));
            }),
            (std::set<std::string>{"a=old a b=old b ", "a=old a b=old b new=x ", "a=old a b=x ",
                                   "b=old b ", "b=old b new=x ", "b=x ", "a= b=old b ",
                                   "a= b=old b new=x ", "a= b=x "}));
}

TEST(FaultNames, names_in_a_directory_that_is_renamed_survive_below_the_name_that_it_has_then) {
  std::set<std::string> states;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    FaultFileSystem files;
    ASSERT_TRUE(files.create_directories("d/old"));
    ASSERT_TRUE(write_file_atomically(files, "d/old/a", "one"));
    ASSERT_TRUE(files.rename("d/old/a", "d/old/b"));
    ASSERT_TRUE(files.rename("d/old", "d/new"));
    ASSERT_TRUE(files.rename("d/new/b", "d/new/c"));
    SeededRandom random(seed);
    files.lose_power(random);
    const std::string directory = files.list("d").value().front();
    states.insert(directory + "/" + files.list("d/" + directory).value().front());
  }
  EXPECT_EQ(states, (std::set<std::string>{"old/a", "old/b", "old/c", "new/a", "new/b", "new/c"}));
}

}  // namespace
}  // namespace millrace
