// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/renames.hpp"

#include <algorithm>

#include "manifest/part_links.hpp"

namespace millrace::stream {

namespace {

using Names = std::vector<std::string>;
using StoreEntry = Manifest::Store;
using Channel = Manifest::Channel;

const std::string& name_of(const Channel& channel) {
  return channel.name ? *channel.name : channel.topic;
}

/// One attempt after the other, each for all that is not matched yet.
class Matcher {
 public:
  Matcher(const std::vector<Named>& now, const std::vector<Named>& before)
      : now_(now), before_(before), found_(now.size()), taken_(before.size()) {}

  template <class Continues>
  void match(Continues continues) {
    for (std::size_t i = 0; i < now_.size(); ++i) {
      for (std::size_t k = 0; k < before_.size() && !found_[i]; ++k) {
        if (taken_[k] || !continues(now_[i], before_[k])) continue;
        found_[i] = k;
        taken_[k] = true;
      }
    }
  }

  // What is left and may be meant as well as the one that was found.
  [[nodiscard]] std::vector<std::size_t> rivals(std::size_t i) const {
    std::vector<std::size_t> rivals;
    for (std::size_t k = 0; found_[i] && k < before_.size(); ++k) {
      if (!taken_[k] && (is_said(i, k) || had_the_name(i, k))) rivals.push_back(k);
    }
    return rivals;
  }

  // The author says that it was `k`, which is there beside the one that it continues, and not known
  // as an earlier name of that.
  [[nodiscard]] bool is_said(std::size_t i, std::size_t k) const {
    return has(now_[i].was, before_[k].name) && !has(before_[*found_[i]].was, before_[k].name);
  }

  [[nodiscard]] const std::vector<std::optional<std::size_t>>& found() const { return found_; }

 private:
  // An earlier build gave `k` the name by which another one was found: that build, or one that was
  // made from it, means `k`.
  [[nodiscard]] bool had_the_name(std::size_t i, std::size_t k) const {
    const bool by_name = now_[i].name == before_[*found_[i]].name;
    return has(before_[k].was, now_[i].name) || (!by_name && meet(before_[k].was, now_[i].was));
  }

  const std::vector<Named>& now_;
  const std::vector<Named>& before_;
  std::vector<std::optional<std::size_t>> found_;
  std::vector<bool> taken_;
};

}  // namespace

std::vector<std::optional<std::size_t>> match_names(const std::string& what,
                                                    const std::vector<Named>& now,
                                                    const std::vector<Named>& before,
                                                    Differences& differences) {
  Matcher matcher(now, before);
  matcher.match([](const Named& a, const Named& b) { return a.name == b.name; });
  matcher.match([](const Named& a, const Named& b) { return has(a.was, b.name); });
  matcher.match([](const Named& a, const Named& b) { return meet(a.was, b.was); });
  matcher.match([](const Named& a, const Named& b) { return has(b.was, a.name); });
  const auto& found = matcher.found();
  for (std::size_t i = 0; i < now.size(); ++i) {
    std::vector<std::size_t> meant = matcher.rivals(i);
    if (meant.empty()) continue;
    const bool said = std::any_of(meant.begin(), meant.end(),
                                  [&](std::size_t k) { return matcher.is_said(i, k); });
    meant.push_back(*found[i]);
    std::sort(meant.begin(), meant.end());
    std::string names;
    for (const std::size_t k : meant)
      names.append(names.empty() ? "" : ", ").append(before[k].name);
    // State of one must not become that of the other, whichever is meant.
    for (const std::size_t k : meant)
      differences.rebuild(before[k].store);
    differences.add(what + (said ? " that became one" : " of one name"), names, now[i].name,
                    before[*found[i]].store,
                    said ? ""
                         : "Builds called each of " + names + " by a name that this one gives to " +
                               now[i].name +
                               ": which of them it means is not known. To leave one out, first run "
                               "a build with all of them that gives " +
                               before[*found[i]].name + " a name that none of them had.");
  }
  return found;
}

std::string shown_name(const std::string& name, const std::string& here) {
  return name == here ? name : name + " (" + here + " here)";
}

void keep_name(std::optional<Names>& was, const std::string& before, const std::string& now) {
  Names names = was.value_or(Names{});
  if (!has(names, before)) names.push_back(before);
  std::erase(names, now);
  was.reset();
  if (!names.empty()) was = std::move(names);
}

Renames::Renames(Manifest& now, const Manifest& before, Differences& differences) {
  take_topics(now, before, differences);
  take_stores(now, before, differences);
}

void Renames::take_stores(Manifest& now, const Manifest& before, Differences& differences) {
  std::vector<StoreEntry*> all;
  for (Manifest::Part& part : now.parts) {
    for (StoreEntry& store : part.stores)
      all.push_back(&store);
  }
  take_stores(all, before, "live", differences);
  // A part that is gone is continued by one that continues nothing else.
  for (Manifest::Part& part : now.parts) {
    if (!linked_parts(before.parts, part, "live").empty()) continue;
    std::vector<StoreEntry*> stores;
    for (StoreEntry& store : part.stores)
      stores.push_back(&store);
    take_stores(stores, before, "removed", differences);
  }
}

void Renames::take_stores(const std::vector<StoreEntry*>& stores, const Manifest& before,
                          std::string_view state, Differences& differences) {
  std::vector<Named> there;
  std::vector<std::size_t> parts;
  for (std::size_t i = 0; i < before.parts.size(); ++i) {
    for (const StoreEntry& store : before.parts[i].stores) {
      if (before.parts[i].state != state || store.removed) continue;
      there.push_back({store.name, store.was.value_or(Names{}), store.name});
      parts.push_back(i);
    }
  }
  std::vector<Named> wanted;
  for (const StoreEntry* const store : stores)
    wanted.push_back({store->name, store->was.value_or(Names{}), {}});
  const auto found = match_names("stores", wanted, there, differences);
  for (std::size_t i = 0; i < stores.size(); ++i) {
    if (!found[i] || there[*found[i]].name == stores[i]->name) continue;
    const std::string& kept = there[*found[i]].name;
    const std::string& part = before.parts[parts[*found[i]]].name;
    const bool is_taken =
        state != "live" &&
        std::any_of(before.parts.begin(), before.parts.end(), [&](const Manifest::Part& other) {
          return other.state == "live" && find_store(other.stores, kept);
        });
    if (is_taken) {
      differences.add("name of a store of part " + part, kept, stores[i]->name, {},
                      "Part " + part + " was removed, and another part has a store " + kept +
                          " since then: first run a build without " + stores[i]->name +
                          " that gives that store another name.");
      continue;
    }
    stores_.emplace(std::pair(parts[*found[i]], kept), stores[i]->name);
    stores[i]->name = kept;
  }
}

void Renames::take_topics(Manifest& now, const Manifest& before, Differences& differences) {
  const auto in_use = [&](const Channel& channel) {
    return std::any_of(before.parts.begin(), before.parts.end(), [&](const Manifest::Part& part) {
      return part.state == "live" &&
             (has(part.sources, channel.topic) || has(part.private_sinks, channel.topic));
    });
  };
  std::vector<std::optional<std::size_t>> found(now.channels.size());
  // What is left of parts that are gone comes last.
  for (const bool used : {true, false}) {
    std::vector<Named> wanted;
    std::vector<std::size_t> wanted_at;
    for (std::size_t i = 0; i < now.channels.size(); ++i) {
      if (found[i]) continue;
      wanted.push_back({now.channels[i].topic, now.channels[i].was.value_or(Names{}), {}});
      wanted_at.push_back(i);
    }
    std::vector<Named> there;
    std::vector<std::size_t> there_at;
    for (std::size_t i = 0; i < before.channels.size(); ++i) {
      const Channel& channel = before.channels[i];
      if (in_use(channel) != used) continue;
      there.push_back({name_of(channel), channel.was.value_or(Names{}),
                       store_behind(before.parts, channel.topic)});
      there_at.push_back(i);
    }
    const auto matched = match_names("private topics", wanted, there, differences);
    for (std::size_t i = 0; i < matched.size(); ++i) {
      if (matched[i]) found[wanted_at[i]] = there_at[*matched[i]];
    }
  }
  name_topics(now, before, found);
}

void Renames::name_topics(Manifest& now, const Manifest& before,
                          const std::vector<std::optional<std::size_t>>& found) {
  const auto is_topic = [&](const std::string& name) {
    return std::any_of(before.channels.begin(), before.channels.end(),
                       [&](const Channel& channel) { return channel.topic == name; });
  };
  for (std::size_t i = 0; i < now.channels.size(); ++i) {
    Channel& channel = now.channels[i];
    const std::string name = channel.topic;
    if (found[i]) {
      channel.topic = before.channels[*found[i]].topic;
      called_.emplace(channel.topic, name);
    } else {
      // Another one has it, which was called so at first.
      for (int n = 2; is_topic(channel.topic); ++n)
        channel.topic = name + "-" + std::to_string(n);
    }
    if (channel.topic == name) continue;
    channel.name = name;
    topics_.emplace(name, channel.topic);
  }
  for (Manifest::Part& part : now.parts) {
    for (auto* names : {&part.sources, &part.private_sinks}) {
      for (std::string& name : *names) {
        if (const auto kept = topics_.find(name); kept != topics_.end()) name = kept->second;
      }
      std::sort(names->begin(), names->end());
    }
  }
}

std::string Renames::shown(std::size_t part, const std::string& store) const {
  const auto found = stores_.find({part, store});
  return shown_name(store, found == stores_.end() ? store : found->second);
}

std::string Renames::shown(const std::string& topic) const {
  const auto found = called_.find(topic);
  return shown_name(topic, found == called_.end() ? topic : found->second);
}

bool Renames::apply(Manifest& manifest, Names& notes) const {
  bool changed = false;
  for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
    Manifest::Part& part = manifest.parts[i];
    for (StoreEntry& store : part.stores) {
      const auto found = stores_.find({i, store.name});
      if (part.state != "live" || store.removed || found == stores_.end()) continue;
      keep_name(store.was, store.name, found->second);
      notes.push_back("store " + store.name + " of part " + part.name + " is called " +
                      found->second + " now; its changelog stays " + store.changelog);
      store.name = found->second;
      changed = true;
    }
  }
  for (Channel& channel : manifest.channels) {
    const auto found = called_.find(channel.topic);
    const std::string before = name_of(channel);
    if (found == called_.end() || found->second == before) continue;
    keep_name(channel.was, before, found->second);
    notes.push_back("private topic " + before + " is called " + found->second +
                    " now; in the log it stays " + channel.topic);
    channel.name.reset();
    if (found->second != channel.topic) channel.name = found->second;
    changed = true;
  }
  return changed;
}

}  // namespace millrace::stream
