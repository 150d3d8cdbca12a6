// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/renames.hpp"

#include <algorithm>

#include "names.hpp"

namespace millrace::stream {

namespace {

using Names = std::vector<std::string>;
using Store = Manifest::Store;
using Channel = Manifest::Channel;

bool has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

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

  // It says that it was something that is there beside the one that it continues, and not known as
  // an earlier name of that.
  [[nodiscard]] bool would_continue_more(std::size_t i) const {
    for (std::size_t k = 0; found_[i] && k < before_.size(); ++k) {
      if (!taken_[k] && has(now_[i].was, before_[k].name) &&
          !has(before_[*found_[i]].was, before_[k].name))
        return true;
    }
    return false;
  }

  [[nodiscard]] const std::vector<std::optional<std::size_t>>& found() const { return found_; }

 private:
  const std::vector<Named>& now_;
  const std::vector<Named>& before_;
  std::vector<std::optional<std::size_t>> found_;
  std::vector<bool> taken_;
};

}  // namespace

std::vector<std::optional<std::size_t>> match_names(const std::vector<Named>& now,
                                                    const std::vector<Named>& before,
                                                    std::vector<std::size_t>& several) {
  Matcher matcher(now, before);
  matcher.match([](const Named& a, const Named& b) { return a.name == b.name; });
  matcher.match([](const Named& a, const Named& b) { return has(a.was, b.name); });
  matcher.match([](const Named& a, const Named& b) {
    return std::any_of(a.was.begin(), a.was.end(),
                       [&](const std::string& name) { return has(b.was, name); });
  });
  matcher.match([](const Named& a, const Named& b) { return has(b.was, a.name); });
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (matcher.would_continue_more(i)) several.push_back(i);
  }
  return matcher.found();
}

void keep_name(std::optional<Names>& was, const std::string& before, const std::string& now) {
  Names names = was.value_or(Names{});
  if (!has(names, before)) names.push_back(before);
  std::erase(names, now);
  was.reset();
  if (!names.empty()) was = std::move(names);
}

std::vector<std::optional<std::size_t>> Renames::match(const std::string& what,
                                                       const std::vector<Named>& now,
                                                       const std::vector<Named>& before,
                                                       Differences& differences) {
  std::vector<std::size_t> several;
  auto found = match_names(now, before, several);
  for (const std::size_t i : several) {
    std::string names;
    for (const Named& one : before) {
      if (one.name != now[i].name && !has(now[i].was, one.name)) continue;
      names.append(names.empty() ? "" : ", ").append(one.name);
    }
    differences.add(what + " that became one", names, now[i].name, before[*found[i]].name);
  }
  return found;
}

Renames::Renames(Manifest& now, const Manifest& before, Differences& differences) {
  take_stores(now, before, differences);
  take_topics(now, before, differences);
}

void Renames::take_stores(Manifest& now, const Manifest& before, Differences& differences) {
  std::vector<Store*> left;
  for (Manifest::Part& part : now.parts) {
    for (Store& store : part.stores)
      left.push_back(&store);
  }
  // A part that is gone is continued by what continues nothing else.
  for (const std::string_view state : {"live", "removed"}) {
    std::vector<Named> there;
    for (const Manifest::Part& part : before.parts) {
      for (const Store& store : part.stores) {
        if (part.state == state && !store.removed)
          there.push_back({store.name, store.was.value_or(Names{})});
      }
    }
    std::vector<Named> wanted;
    for (const Store* const store : left)
      wanted.push_back({store->name, store->was.value_or(Names{})});
    const auto found = match("stores", wanted, there, differences);
    std::vector<Store*> unmatched;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!found[i]) {
        unmatched.push_back(left[i]);
        continue;
      }
      const std::string& kept = there[*found[i]].name;
      if (kept != left[i]->name) stores_.emplace(kept, left[i]->name);
      left[i]->name = kept;
    }
    left = std::move(unmatched);
  }
}

void Renames::take_topics(Manifest& now, const Manifest& before, Differences& differences) {
  std::vector<Named> wanted;
  for (const Channel& channel : now.channels)
    wanted.push_back({channel.topic, channel.was.value_or(Names{})});
  std::vector<Named> there;
  for (const Channel& channel : before.channels)
    there.push_back({name_of(channel), channel.was.value_or(Names{})});
  const auto found = match("private topics", wanted, there, differences);
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

bool Renames::apply(Manifest& manifest, Names& notes) const {
  bool changed = false;
  for (Manifest::Part& part : manifest.parts) {
    for (Store& store : part.stores) {
      const auto found = stores_.find(store.name);
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
    channel.name.reset();
    if (found->second != channel.topic) channel.name = found->second;
    changed = true;
  }
  return changed;
}

}  // namespace millrace::stream
