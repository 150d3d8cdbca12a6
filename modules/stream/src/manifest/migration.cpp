// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/migration.hpp"

#include <algorithm>

#include "manifest/difference.hpp"
#include "manifest/part_links.hpp"
#include "manifest/renames.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using StoreEntry = Manifest::Store;
using Names = std::vector<std::string>;

void add_names(Names& names, const Names& more) {
  for (const std::string& name : more) {
    if (!has(names, name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
}

void add_names(std::optional<Names>& names, const std::optional<Names>& more) {
  if (!more) return;
  if (!names) names.emplace();
  add_names(*names, *more);
}

class Planner {
 public:
  Planner(const std::string& service, Manifest now, const Manifest& before, const TakenNames& taken)
      : service_(service), taken_(taken), renames_(now, before, differences_), before_(before) {
    now_ = std::move(now.parts);
    manifest_ = before;
  }

  Result<Migration> run(Manifest& manifest) {
    for (const std::size_t i : not_one_to_one())
      out_.parts.push_back(take_over(now_[i]));
    find_left();
    for (const Migration::Part& part : out_.parts)
      give_up(part);
    if (!differences_.empty()) return fail(differences_.refusal(service_));
    manifest = std::move(manifest_);
    return std::move(out_);
  }

 private:
  // The new parts that continue several, or one that others continue too.
  std::vector<std::size_t> not_one_to_one() {
    std::vector<std::vector<std::size_t>> continued(now_.size());
    std::vector<std::size_t> times(before_.parts.size());
    for (std::size_t i = 0; i < now_.size(); ++i) {
      continued[i] = linked_parts(before_.parts, now_[i], "live");
      for (const std::size_t part : continued[i])
        ++times[part];
    }
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < now_.size(); ++i) {
      const bool shared = std::any_of(continued[i].begin(), continued[i].end(),
                                      [&](std::size_t part) { return times[part] > 1; });
      if (shared || continued[i].size() > 1) found.push_back(i);
    }
    return found;
  }

  Migration::Part take_over(const Part& now) {
    Migration::Part moved;
    moved.from = linked_parts(before_.parts, now, "live");
    Part part;
    part.name = now.name;
    part.state = "live";
    part.partitions = now.partitions;
    number_and_name(service_, manifest_.parts, taken_, part);
    for (const std::size_t from : moved.from) {
      for (const std::string& topic : before_.parts[from].sources) {
        if (!has(now.sources, topic)) continue;
        part.sources.push_back(topic);
        moved.inputs.emplace_back(topic, from);
      }
    }
    std::sort(part.sources.begin(), part.sources.end());
    for (const std::size_t from : moved.from)
      take_from(before_.parts[from], now, part, moved);
    forget_former(part, now);
    if (part.sources.empty()) {
      differences_.add("inputs of part " + now.name, inputs_of(moved.from), listed(now.sources),
                       now.stores.empty() ? "" : now.stores.front().name);
    }
    moved.index = manifest_.parts.size();
    manifest_.parts.push_back(std::move(part));
    return moved;
  }

  // Of one of the parts before.
  [[nodiscard]] std::size_t index_of(const Part& part) const {
    return static_cast<std::size_t>(&part - before_.parts.data());
  }

  void take_from(const Part& from, const Part& now, Part& part, Migration::Part& moved) {
    for (const StoreEntry& store : from.stores) {
      if (store.removed) continue;
      if (find_store(now.stores, store.name) != nullptr) {
        check_keys(store, from, now, renames_.shown(index_of(from), store.name));
        moved.stores.push_back(store.name);
      } else if (is_in_build(store) || !meet(from.sources, now.sources)) {
        continue;
      }
      // One that the build lacks comes too: the comparison says what becomes of it.
      part.stores.push_back(store);
    }
    for (const std::string& topic : from.sources) {
      if (!has(now.sources, topic)) add_names(part.former_sources, Names{topic});
    }
    add_names(part.private_sinks, from.private_sinks);
    add_names(part.former_sources, from.former_sources);
    add_names(part.former_sinks, from.former_sinks);
    if (!from.processors) return;
    if (!part.processors) part.processors.emplace();
    for (const Manifest::Processor& processor : *from.processors) {
      if (lists(now, processor.name) || !is_listed(processor.name))
        part.processors->push_back(processor);
    }
  }

  static bool lists(const Part& part, const std::string& processor) {
    return part.processors && std::any_of(part.processors->begin(), part.processors->end(),
                                          [&](const Manifest::Processor& one) {
                                            return one.name == processor ||
                                                   has(one.was.value_or(Names{}), processor);
                                          });
  }

  [[nodiscard]] bool is_listed(const std::string& processor) const {
    return std::any_of(now_.begin(), now_.end(),
                       [&](const Part& part) { return lists(part, processor); });
  }

  [[nodiscard]] bool is_in_build(const StoreEntry& store) const {
    return std::any_of(now_.begin(), now_.end(), [&](const Part& part) {
      return find_store(part.stores, store.name) != nullptr;
    });
  }

  // What is read again is not former.
  static void forget_former(Part& part, const Part& now) {
    if (!part.former_sources) return;
    std::erase_if(*part.former_sources,
                  [&](const std::string& topic) { return has(now.sources, topic); });
    if (part.former_sources->empty()) part.former_sources.reset();
  }

  // What filled the store decides in which partition a key of it is.
  void check_keys(const StoreEntry& store, const Part& from, const Part& now,
                  const std::string& shown) {
    if (store.kind == "table") return;
    if (!meet(from.sources, now.sources)) {
      differences_.add("inputs that fill store " + shown, listed(from.sources), listed(now.sources),
                       store.name);
      return;
    }
    for (const Manifest::Channel& channel : before_.channels)
      check_private_input(store, channel.topic, now, shown);
    for (const std::string& topic : now.sources) {
      const bool known = std::any_of(before_.channels.begin(), before_.channels.end(),
                                     [&](const auto& channel) { return channel.topic == topic; });
      if (!known && topic.starts_with(service_ + "."))
        check_private_input(store, topic, now, shown);
    }
  }

  // Behind one that no part read before, keys are where its writer puts them.
  void check_private_input(const StoreEntry& store, const std::string& topic, const Part& now,
                           const std::string& shown) {
    const bool was_read = std::any_of(
        before_.parts.begin(), before_.parts.end(),
        [&](const Part& part) { return part.state == "live" && has(part.sources, topic); });
    if (was_read || !has(now.sources, topic)) return;
    differences_.add("partitions of the keys of store " + shown, "as of its inputs",
                     "as of " + topic, store.name);
  }

  std::string inputs_of(const std::vector<std::size_t>& parts) {
    Names names;
    for (const std::size_t part : parts)
      add_names(names, before_.parts[part].sources);
    return listed(names);
  }

  void find_left() {
    std::vector<std::size_t> gone;
    for (const Migration::Part& part : out_.parts) {
      for (const std::size_t from : part.from) {
        if (std::find(gone.begin(), gone.end(), from) == gone.end()) gone.push_back(from);
      }
    }
    for (const std::size_t part : gone) {
      for (const std::string& topic : before_.parts[part].sources) {
        const bool taken =
            std::any_of(out_.parts.begin(), out_.parts.end(), [&](const Migration::Part& moved) {
              return std::any_of(moved.inputs.begin(), moved.inputs.end(),
                                 [&](const auto& input) { return input.first == topic; });
            });
        if (taken) continue;
        out_.left.emplace_back(topic, part);
      }
    }
  }

  // Its stores are others' now: a reset of it must not give them up.
  void give_up(const Migration::Part& moved) {
    for (const std::size_t from : moved.from) {
      Part& part = manifest_.parts[from];
      part.state = "reset";
      for (StoreEntry& store : part.stores)
        store.removed |= find_store(manifest_.parts[moved.index].stores, store.name) != nullptr;
    }
  }

  const std::string& service_;
  const TakenNames& taken_;
  Differences differences_;
  Renames renames_;
  const Manifest& before_;
  std::vector<Part> now_;
  Manifest
      manifest_;  // the next one, as if a build that cuts the topology like this had always run
  Migration out_;
};

}  // namespace

Result<Migration> plan_migration(const std::string& service, const Manifest& now,
                                 const Manifest& before, const TakenNames& taken) {
  Manifest moved;
  MILLRACE_ASSIGN(Migration migration, Planner(service, now, before, taken).run(moved));
  if (migration.parts.empty()) {
    // Nothing has to move, and the start may be refused all the same.
    MILLRACE_TRY(evolve(service, now, before, taken));
    return migration;
  }
  // The new parts continue one to one what is there by then.
  MILLRACE_ASSIGN(migration.evolution, evolve(service, now, moved, taken));
  Manifest& manifest = migration.evolution.manifest;
  manifest.revision = before.revision + 1;
  return migration;
}

}  // namespace millrace::stream
