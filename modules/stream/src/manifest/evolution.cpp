// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/evolution.hpp"

#include <algorithm>
#include <set>
#include <span>

#include "manifest/difference.hpp"
#include "manifest/manifest_version.hpp"
#include "manifest/part_links.hpp"
#include "manifest/renames.hpp"
#include "manifest/value_types.hpp"
#include "millrace/codec/serde.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using StoreEntry = Manifest::Store;
using Channel = Manifest::Channel;
using Names = std::vector<std::string>;

ValueTypes value_types(const StoreEntry& store) {
  return {store.value, store.values.value_or(Names{})};
}

std::vector<Named> named(const std::vector<Manifest::Processor>& processors,
                         const std::string& store) {
  std::vector<Named> names;
  for (const Manifest::Processor& one : processors)
    names.push_back({one.name, one.was.value_or(Names{}), store});
  return names;
}

// Adds the names that are gone, and takes out those that are back.
void keep_former(std::optional<Names>& former, const Names& before, const Names& now) {
  Names names = former.value_or(Names{});
  for (const std::string& name : before) {
    if (!has(names, name)) names.push_back(name);
  }
  std::erase_if(names, [&](const std::string& name) { return has(now, name); });
  former.reset();
  if (!names.empty()) former = std::move(names);
}

std::string shown(const Part& part) { return "part " + part.name; }

const std::string binary(codec::binary_serde()->name());

bool is_in_another_form(const Channel& a, const Channel& b) {
  return a.key_serde != b.key_serde || a.serde != b.serde || a.envelope != b.envelope;
}

void take_form(Channel& channel, const Channel& from) {
  channel.key_serde = from.key_serde;
  channel.serde = from.serde;
  channel.envelope = from.envelope;
}

// As form_text().
std::string form_of(const Channel& channel, bool is_private) {
  return channel.key_serde.value_or("key") + " -> " +
         channel.serde.value_or(is_private ? binary : "json") + ", " +
         channel.envelope.value_or(is_private ? "context" : "cloud_events");
}

class Evolver {
 public:
  Evolver(const std::string& service, Manifest now, const Manifest& before, const TakenNames& taken)
      : service_(service), taken_(taken), renames_(now, before, differences_) {
    now_ = std::move(now.parts);
    channels_ = std::move(now.channels);
    out_.manifest = before;
    out_.topics = renames_.topics();
  }

  Result<Evolution> run() {
    match();
    if (differences_.empty()) take_parts();
    compare_channels();
    if (!differences_.empty()) return fail(differences_.refusal(service_));
    out_.changed |= renames_.apply(out_.manifest, out_.notes);
    return std::move(out_);
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  std::vector<Part>& parts() { return out_.manifest.parts; }
  std::size_t index_of(const Part& part) {
    return static_cast<std::size_t>(&part - parts().data());
  }

  // A part continues one part, and each is continued by one: positions and state stay together.
  void match() {
    std::vector<Names> continued_by(parts().size());
    for (const Part& now : now_) {
      std::vector<std::size_t> before = linked_parts(parts(), now, "live");
      if (before.empty()) before = linked_parts(parts(), now, "removed");
      Names names;
      for (const std::size_t i : before) {
        continued_by[i].push_back(now.name);
        names.push_back(parts()[i].name);
      }
      if (before.size() > 1) {
        differences_.add("parts that became one", listed(names), now.name,
                         first_store(parts()[before.front()]), migration());
      }
      out_.parts.push_back(before.empty() ? none : before.front());
    }
    for (std::size_t i = 0; i < parts().size(); ++i) {
      if (continued_by[i].size() > 1) {
        differences_.add("a part that became several", parts()[i].name, listed(continued_by[i]),
                         first_store(parts()[i]), migration());
      }
    }
  }

  [[nodiscard]] std::string migration() const {
    return "Parts that were merged or split may keep their state: stop all instances, then `" +
           service_ + " --describe json | millrace topology migrate -`.";
  }

  void take_parts() {
    for (std::size_t i = 0; i < parts().size(); ++i) {
      const bool continues = std::find(out_.parts.begin(), out_.parts.end(), i) != out_.parts.end();
      if (parts()[i].state != "live" || continues) continue;
      parts()[i].state = "removed";
      accept(shown(parts()[i]) + " was removed; it continues when it comes back");
    }
    for (std::size_t i = 0; i < now_.size(); ++i) {
      if (out_.parts[i] == none) {
        out_.parts[i] = add(now_[i]);
      } else {
        continue_part(parts()[out_.parts[i]], now_[i]);
      }
    }
  }

  std::size_t add(Part part) {
    number_and_name(service_, parts(), taken_, part);
    for (StoreEntry& store : part.stores)
      name_changelog(store, part.number, part.stores);
    if (part.processors) {
      for (Manifest::Processor& processor : *part.processors)
        name_timers(processor, *part.processors);
    }
    accept(shown(part) + " is new");
    out_.fresh.push_back(parts().size());
    parts().push_back(std::move(part));
    return parts().size() - 1;
  }

  // `siblings`: new as the store is, and it may be among them.
  void name_changelog(StoreEntry& store, std::int64_t number,
                      const std::vector<StoreEntry>& siblings) {
    if (store.kind == "table") return;
    const auto is_among = [&](const std::vector<StoreEntry>& stores, const std::string& topic) {
      return std::any_of(stores.begin(), stores.end(), [&](const StoreEntry& other) {
        return &other != &store && other.changelog == topic;
      });
    };
    const auto taken = [&](const std::string& topic) {
      return taken_.topic(topic) || is_among(siblings, topic) ||
             std::any_of(parts().begin(), parts().end(),
                         [&](const Part& part) { return is_among(part.stores, topic); });
    };
    const std::string base = service_ + "." + store.name;
    for (std::int64_t n = number; taken(store.changelog); ++n)
      store.changelog = base + "-" + std::to_string(n) + ".changelog";
  }

  void continue_part(Part& before, const Part& now) {
    if (before.state != "live") {
      before.state = "live";
      accept(shown(before) + " came back" +
             (reads_channel(before)
                  ? ", without what was not written to its private topics meanwhile"
                  : ""));
    }
    compare_inputs(before, now);
    compare_stores(before, now);
    compare_processors(before, now);
    compare_sinks(before, now);
    if (before.partitions == now.partitions) return;
    if (before.partitions > 0 && now.partitions > 0) {
      differences_.add("partitions of " + shown(before), std::to_string(before.partitions),
                       std::to_string(now.partitions), first_store(before));
    }
    before.partitions = now.partitions;
    accept(shown(before) + " has " +
           (now.partitions > 0 ? std::to_string(now.partitions) + " tasks, as this build says"
                               : "as many tasks as its inputs have partitions"));
  }

  void compare_sinks(Part& before, const Part& now) {
    if (before.private_sinks == now.private_sinks) return;
    for (const std::string& topic : now.private_sinks) {
      if (!has(before.private_sinks, topic)) accept(shown(before) + " also writes " + topic);
    }
    for (const std::string& topic : before.private_sinks) {
      if (!has(now.private_sinks, topic)) accept(shown(before) + " no longer writes " + topic);
    }
    keep_former(before.former_sinks, before.private_sinks, now.private_sinks);
    before.private_sinks = now.private_sinks;
  }

  bool reads_channel(const Part& part) {
    const auto& channels = out_.manifest.channels;
    return std::any_of(channels.begin(), channels.end(),
                       [&](const Channel& channel) { return has(part.sources, channel.topic); });
  }

  void compare_inputs(Part& before, const Part& now) {
    if (before.sources == now.sources) return;
    if (!meet(before.sources, now.sources)) {
      differences_.add("inputs of " + shown(before), listed(before.sources), listed(now.sources),
                       first_store(before));
      return;
    }
    for (const std::string& topic : now.sources) {
      if (has(before.sources, topic)) continue;
      out_.added_sources.emplace_back(index_of(before), topic);
      accept(shown(before) + " also reads " + topic + ", from its earliest record on");
    }
    for (const std::string& topic : before.sources) {
      if (!has(now.sources, topic)) accept(shown(before) + " no longer reads " + topic);
    }
    keep_former(before.former_sources, before.sources, now.sources);
    before.sources = now.sources;
  }

  void compare_stores(Part& before, const Part& now) {
    std::vector<StoreEntry*> gone;
    for (StoreEntry& store : before.stores) {
      if (store.removed) continue;
      if (const StoreEntry* const same = find_store(now.stores, store.name)) {
        compare(store, *same, renames_.shown(index_of(before), store.name));
      } else {
        gone.push_back(&store);
      }
    }
    std::vector<StoreEntry> added;
    for (const StoreEntry& store : now.stores) {
      if (find_store(before.stores, store.name) == nullptr) added.push_back(store);
    }
    check_renamed(before, gone, added);
    const bool shared = !gone.empty() && taken_.has_members(service_ + "/" + before.name);
    for (StoreEntry* const store : gone) {
      // Instances of a build that has it may be running: a new changelog beside theirs would split
      // the state.
      if (shared) {
        out_.notes.push_back("store " + store->name + " of " + shown(before) +
                             " is not in this build; it stays as long as other instances run");
        continue;
      }
      store->removed = true;
      accept("store " + store->name + " of " + shown(before) + " was removed");
    }
    for (StoreEntry& store : added) {
      name_changelog(store, before.number, added);
      accept("store " + store.name + " of " + shown(before) +
             " is new and begins empty, where the part is now");
      before.stores.push_back(std::move(store));
    }
  }

  // An empty store in place of a full one, perhaps by accident.
  void check_renamed(const Part& part, const std::vector<StoreEntry*>& gone,
                     const std::vector<StoreEntry>& added) {
    const auto fits = [](const StoreEntry& old, const StoreEntry& store) {
      // A table is filled from its topic.
      return store.kind != "table" && old.key == store.key && old.value == store.value &&
             old.serde == store.serde;
    };
    for (const StoreEntry* const old : gone) {
      for (const StoreEntry& store : added) {
        if (!fits(*old, store)) continue;
        const auto from = std::count_if(
            gone.begin(), gone.end(), [&](const StoreEntry* other) { return fits(*other, store); });
        const auto to = std::count_if(added.begin(), added.end(),
                                      [&](const StoreEntry& other) { return fits(*old, other); });
        const bool sure = from == 1 && to == 1;
        differences_.add("name of a store of " + shown(part), old->name, store.name, old->name,
                         "A store that was renamed keeps its state: " +
                             (sure ? "builder.was(\"" + store.name + "\", \"" + old->name + "\")."
                                   : std::string("say by builder.was(NEW, OLD) which is which.")));
      }
    }
  }

  void compare(StoreEntry& before, const StoreEntry& now, const std::string& shown) {
    const std::string of = " of store " + shown;
    const auto differ = [&](const std::string& what, const std::string& a, const std::string& b) {
      differences_.add(what + of, a.empty() ? "(none)" : a, b.empty() ? "(none)" : b, before.name);
    };
    const bool is_table = before.kind == "table" && now.kind == "table";
    if (before.kind != now.kind) {
      differ("kind", before.kind, now.kind);
    } else if (is_table && before.changelog != now.changelog) {
      differ("topic", before.changelog, now.changelog);
    }
    if (before.window != now.window) differ("window", before.window, now.window);
    compare_version(before, now, "store " + shown, before.name);
    if (!is_table) {
      // What is read from a public topic is decoded by name, at each start.
      if (before.key != now.key) differ("key", before.key, now.key);
    }
    const std::string serde = now.serde.value_or(binary);
    if (before.serde != now.serde && is_table) {
      const std::string by_default = "the default";
      return differ("serdes of the topic", before.serde.value_or(by_default),
                    now.serde.value_or(by_default));
    }
    if (before.key_serde != now.key_serde && !is_table)
      differ("serde of the keys of the inputs", before.key_serde.value_or("key"),
             now.key_serde.value_or("key"));
    if (before.serde != now.serde)
      return differ("serde of the values", before.serde.value_or(binary), serde);
    const auto types =
        is_table ? Result<ValueTypes>({now.value, {}})
                 : continued(value_types(before), now.value, serde, true, of, before.name);
    if (!types || (before.key == now.key && before.value == types->value)) return;
    accept("the type" + of + " changed from " + before.key + " -> " + before.value + " to " +
           now.key + " -> " + types->value);
    before.key = now.key;
    before.value = types->value;
    if (!types->values.empty()) before.values = types->values;
  }

  // What is of another version has another meaning, whatever its types are.
  template <class Entry>
  void compare_version(const Entry& before, const Entry& now, const std::string& shown,
                       const std::string& store) {
    const std::int64_t old = before.version.value_or(1);
    const std::int64_t version = now.version.value_or(1);
    if (old == version) return;
    const std::string accept = "`millrace topology accept " + service_ + " " + before.name + " " +
                               std::to_string(version) + "`";
    differences_.add(
        "version of " + shown, std::to_string(old), std::to_string(version), store,
        old < version
            ? "State of a lower version: stop all instances, then have it rebuilt (reset), or "
              "continue it as it is (accept): " +
                  accept + "."
            : "This build is older than the state: start the newer one. To go back, stop all "
              "instances, then have the state rebuilt (reset), or continue it as it is (accept): " +
                  accept + ".");
  }

  void compare_processors(Part& before, const Part& now) {
    using Processors = std::vector<Manifest::Processor>;
    // The description of an earlier build, which did not list them.
    if (!now.processors) return;
    const Processors old = before.processors.value_or(Processors{});
    Processors processors = *now.processors;
    const std::string rebuilt = first_store(before);
    const std::size_t noted = out_.notes.size();
    const auto found = match_names("processors of " + shown(before), named(processors, rebuilt),
                                   named(old, rebuilt), differences_);
    for (std::size_t i = 0; i < processors.size(); ++i) {
      Manifest::Processor& processor = processors[i];
      // An earlier build listed none: the processor was there by the name that it says.
      const bool unknown = !before.processors && (processor.was || processor.version);
      if (!found[i] && !unknown) continue;
      if (!found[i] && (processor.version || processor.was->size() > 1)) {
        differences_.add("processor " + processor.name, "not listed",
                         processor.version ? "version " + std::to_string(*processor.version)
                                           : "was " + listed(*processor.was),
                         rebuilt,
                         "The log has no list of the processors of " + shown(before) +
                             " yet: first start a build that has them with the names and versions "
                             "of before, which writes it.");
        continue;
      }
      const Manifest::Processor same =
          found[i] ? old[*found[i]] : Manifest::Processor{processor.was->front(), {}, {}, {}};
      compare_version(same, processor, "processor " + shown_name(same.name, processor.name),
                      rebuilt);
      const std::string name = processor.name;
      processor = same;
      if (same.name == name) continue;
      if (!same.timers) processor.timers = same.name;
      if (processor.timers == name) processor.timers.reset();
      keep_name(processor.was, same.name, name);
      processor.name = name;
      accept("processor " + same.name + " of " + shown(before) + " is called " + name + " now");
    }
    for (std::size_t i = 0; i < processors.size(); ++i) {
      if (!found[i]) name_timers(processors[i], processors);
    }
    if (before.processors == processors) return;
    if (before.processors) note_processors(before, processors, found);
    // A missing list too: without one a version or a rename of later could not be checked.
    if (!before.processors || out_.notes.size() == noted)
      accept("the processors of " + shown(before) + " are listed: " + names_of(processors));
    before.processors = std::move(processors);
  }

  // `found`: for each of `now`, the index of the one that it continues.
  void note_processors(const Part& before, const std::vector<Manifest::Processor>& now,
                       const std::vector<std::optional<std::size_t>>& found) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!found[i]) accept("processor " + now[i].name + " of " + shown(before) + " is new");
    }
    for (std::size_t k = 0; k < before.processors->size(); ++k) {
      if (std::find(found.begin(), found.end(), k) == found.end())
        accept("processor " + (*before.processors)[k].name + " of " + shown(before) +
               " was removed");
    }
  }

  static std::string names_of(const std::vector<Manifest::Processor>& processors) {
    Names names;
    for (const Manifest::Processor& processor : processors)
      names.push_back(processor.name);
    return listed(names);
  }

  // One that was renamed may have timers of the name that another one has now, here or in a part
  // that a migration makes one with this.
  void name_timers(Manifest::Processor& added, const std::vector<Manifest::Processor>& processors) {
    const auto timers = [](const Manifest::Processor& one) {
      return one.timers.value_or(one.name);
    };
    const auto was_left = [&](const Part& part) {
      return part.processors &&
             std::any_of(part.processors->begin(), part.processors->end(),
                         [&](const auto& other) { return other.timers == timers(added); });
    };
    const auto is_taken = [&] {
      return std::any_of(parts().begin(), parts().end(), was_left) ||
             std::any_of(processors.begin(), processors.end(), [&](const auto& other) {
               return &other != &added && timers(other) == timers(added);
             });
    };
    for (int n = 2; is_taken(); ++n)
      added.timers = added.name + "-" + std::to_string(n);
  }

  Result<ValueTypes> continued(const ValueTypes& before, const std::string& now,
                               const std::string& serde, bool converts, const std::string& of,
                               const std::string& store) {
    Result<ValueTypes> types = serde == binary ? continue_types(before, now, converts)
                                               : continue_types_in(serde, before, now);
    if (!types)
      differences_.add("value" + of + ": " + types.error().message(), before.value, now, store);
    return types;
  }

  // Those who read the topic find records of before there, unless they begin behind them.
  void compare_public_forms(Channel& before, const Channel& now) {
    for (std::size_t i = 0; i < parts().size(); ++i) {
      const Part& part = parts()[i];
      const bool was_there = std::find(out_.fresh.begin(), out_.fresh.end(), i) == out_.fresh.end();
      if (!was_there || part.state == "reset" || !has(part.sources, before.topic)) continue;
      return differences_.add("serdes of topic " + now.topic, form_of(before, false),
                              form_of(now, false), store_behind(parts(), now.topic),
                              "A topic keeps its form: write the new one to a topic of another "
                              "name.");
    }
    take_form(before, now);
    accept("topic " + now.topic + " has other serdes or another envelope than before");
  }

  // What is in a private topic and not yet read was written with the type before.
  void compare_channels() {
    for (Channel& now : channels_) {
      auto& channels = out_.manifest.channels;
      const auto found = std::find_if(channels.begin(), channels.end(),
                                      [&](const Channel& one) { return one.topic == now.topic; });
      if (found == channels.end()) {
        accept("topic " + now.topic + " is new");
        channels.push_back(std::move(now));
        continue;
      }
      const bool differs = is_in_another_form(*found, now);
      if (now.key.empty()) {  // public: its types are read by name
        if (differs) compare_public_forms(*found, now);
        continue;
      }
      if (found->key.empty()) {  // reset: what it holds is not read any more
        found->key = now.key;
        found->value = now.value;
        take_form(*found, now);
        accept("topic " + now.topic + " has values of " + now.key + " -> " + now.value +
               " behind the reset");
        continue;
      }
      const std::string of = " of topic " + renames_.shown(now.topic);
      const std::string store = store_behind(parts(), now.topic);
      if (found->key != now.key) differences_.add("key" + of, found->key, now.key, store);
      if (differs) {
        differences_.add("serdes" + of, form_of(*found, true), form_of(now, true), store);
        continue;
      }
      const auto types =
          continued({found->value, {}}, now.value, now.serde.value_or(binary), false, of, store);
      if (!types || found->value == types->value) continue;
      accept("the type" + of + " changed from " + found->value + " to " + types->value);
      found->value = types->value;
    }
  }

  void accept(std::string note) {
    out_.notes.push_back(std::move(note));
    out_.changed = true;
  }

  const std::string& service_;
  const TakenNames& taken_;
  Differences differences_;
  Renames renames_;
  std::vector<Part> now_;
  std::vector<Channel> channels_;
  Evolution out_;
};

Evolution adopt(const Manifest& now) {
  Evolution out;
  out.changed = true;
  out.manifest = now;
  // What the build says of names of before stays: the build that has them may come back.
  out.manifest.revision = 0;
  for (std::size_t i = 0; i < now.parts.size(); ++i)
    out.parts.push_back(i);
  return out;
}

void take_store(const StoreEntry& kept, StoreSpec& store, std::vector<log::TopicSpec>& own_topics) {
  const ValueTypes types = value_types(kept);
  store.value_types = types.values;
  store.value_type = number_of(types);
  for (log::TopicSpec& topic : own_topics) {
    if (topic.name == store.changelog && !store.source_is_changelog) topic.name = kept.changelog;
  }
  store.changelog = kept.changelog;
}

}  // namespace

Result<Evolution> evolve(const std::string& service, const Manifest& now,
                         const std::optional<Manifest>& before, const TakenNames& taken) {
  Evolution out;
  if (before) {
    MILLRACE_ASSIGN(out, Evolver(service, now, *before, taken).run());
  } else {
    out = adopt(now);
  }
  if (!out.changed) return out;
  out.manifest.version = version_of(out.manifest);
  out.manifest.plan_version = plan_version;
  ++out.manifest.revision;
  return out;
}

void take_names(const Evolution& evolution, Plan& topology) {
  const auto take_topic = [&](std::string& name) {
    if (const auto found = evolution.topics.find(name); found != evolution.topics.end())
      name = found->second;
  };
  for (SourceSpec& source : topology.sources)
    take_topic(source.topic);
  for (SinkSpec& sink : topology.sinks)
    take_topic(sink.topic.name);
  for (log::TopicSpec& topic : topology.own_topics)
    take_topic(topic.name);
  for (std::size_t i = 0; i < topology.sub_topologies.size(); ++i) {
    const Part& part = evolution.manifest.parts[evolution.parts[i]];
    SubTopology& now = topology.sub_topologies[i];
    now.name = part.name;
    for (const StoreId id : now.stores)
      take_store(*find_store(part.stores, topology.stores[static_cast<std::size_t>(id)].name),
                 topology.stores[static_cast<std::size_t>(id)], topology.own_topics);
    if (!part.processors) continue;
    for (const NodeId id : now.nodes) {
      NodeSpec& node = topology.nodes[static_cast<std::size_t>(id)];
      for (const Manifest::Processor& processor : *part.processors) {
        if (node.kind == NodeKind::process && processor.name == node.name)
          node.timers = processor.timers.value_or("");
      }
    }
  }
}

}  // namespace millrace::stream
