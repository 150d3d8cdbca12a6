// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/difference.hpp"

#include <algorithm>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

namespace {

std::string padded(const std::string& cell, std::size_t width) {
  return cell + std::string(width - std::min(width, cell.size()) + 2, ' ');
}

void add_new(std::vector<std::string>& texts, std::string text) {
  if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
}

}  // namespace

void Differences::rebuild(std::string store) { add_new(stores_, std::move(store)); }

void Differences::add(std::string what, std::string before, std::string now, std::string store,
                      std::string remedy) {
  rows_.push_back({std::move(what), std::move(before), std::move(now)});
  rebuild(std::move(store));
  if (!remedy.empty()) add_new(remedies_, std::move(remedy));
}

Error Differences::refusal(const std::string& service) const {
  std::size_t what = std::string_view("what").size();
  std::size_t before = std::string_view("before").size();
  for (const Row& row : rows_) {
    what = std::max(what, row.what.size());
    before = std::max(before, row.before.size());
  }
  std::string text = "the topology of service " + service +
                     " cannot continue what the log has of it; nothing was changed:\n  " +
                     padded("what", what) + padded("before", before) + "now";
  for (const Row& row : rows_)
    text += "\n  " + padded(row.what, what) + padded(row.before, before) + row.now;
  for (const std::string& remedy : remedies_)
    text += "\n" + remedy;
  text +=
      "\nTake the change back, or give what changed a new name, or stop all instances and have the "
      "part rebuilt from its inputs, which publishes its output again:";
  // What has no store is rebuilt with all the rest.
  const bool whole = std::find(stores_.begin(), stores_.end(), "") != stores_.end();
  std::string command = "millrace topology reset " + service;
  for (const std::string& store : stores_) {
    if (!whole) command += " --store " + store;
  }
  text += " `" + command + "`. What the log has: `millrace topology show " + service + "`";
  return {errc::topology_changed, std::move(text)};
}

}  // namespace millrace::stream
