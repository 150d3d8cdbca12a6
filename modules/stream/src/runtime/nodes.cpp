// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/nodes.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/instance.hpp"
#include "runtime/dead_letters.hpp"

namespace millrace::stream::runtime {

namespace {

// Nothing is wrong with the record: no policy passes over it, and the step fails as the log did.
Failure of_the_log(const Error& error) {
  return {ErrorAction::fail, error.code(), error.message()};
}

// A name that anybody may have written.
std::string shown(std::string_view name) {
  constexpr std::size_t name_bytes_max = 249;
  return escaped(cut_text(name, name_bytes_max));
}

Error unknown_type(std::string_view type) {
  return {codec::errc::unknown_type, "no event of type '" + shown_type(type) +
                                         "' is known to the source, and others are errors there"};
}

Failure of_newer_version(std::uint64_t found) {
  return {ErrorAction::dead_letter, errc::incompatible,
          newer_format({}, "the dead letter", found, dead_letter_version)};
}

}  // namespace

Nodes::Nodes(Shared& shared, const ResolvedSubTopology& resolved)
    : shared_(&shared),
      resolved_(&resolved),
      sources_(shared.topology.sources.size()),
      strays_(shared, resolved),
      unknown_types_(shared) {}

Nodes::List Nodes::make() {
  const SubTopology& sub = *resolved_->spec;
  List old = std::exchange(nodes_, {});
  nodes_.resize(shared_->topology.nodes.size());
  for (const NodeId id : sub.nodes)
    nodes_[static_cast<std::size_t>(id)] =
        shared_->topology.nodes[static_cast<std::size_t>(id)].make();
  for (const NodeId id : sub.nodes) {
    for (const NodeId parent : shared_->topology.nodes[static_cast<std::size_t>(id)].parents) {
      nodes_[static_cast<std::size_t>(parent)]->children.push_back(
          nodes_[static_cast<std::size_t>(id)].get());
    }
  }
  for (const std::size_t index : sub.sources) {
    const SourceSpec& spec = shared_->topology.sources[index];
    sources_[index].reset(
        new Source{SourceReader(spec), nodes_[static_cast<std::size_t>(spec.node)].get()});
  }
  return old;
}

Status Nodes::open(TaskContext& context, std::string_view task) {
  for (const NodeId id : resolved_->spec->nodes) {
    const NodeSpec& spec = shared_->topology.nodes[static_cast<std::size_t>(id)];
    opening_ = &spec;
    try {
      node(id).open(context);
    } catch (const std::exception& thrown) {
      return fail(errc::handler_failed, "opening {} in {}: {}", spec.name, task, thrown.what());
    } catch (...) {
      return fail(errc::handler_failed, "opening {} in {}: an exception that is no std::exception",
                  spec.name, task);
    }
  }
  return {};
}

std::string Nodes::timer_in_log(std::string_view name) const {
  if (opening_ == nullptr || opening_->timers.empty() || !name.starts_with(opening_->name))
    return std::string(name);
  return opening_->timers + std::string(name.substr(opening_->name.size()));
}

void Nodes::begin() {
  readings_.clear();
  strays_.begin();
  unknown_types_.begin();
  for_us_ = true;
}

std::optional<Failure> Nodes::read(InHand& hand) {
  const InputTopic& topic = hand.input()->topic();
  return topic.is_retry ? read_replayed(hand) : read_from(topic.sources, hand);
}

std::optional<Failure> Nodes::read_from(const std::vector<std::size_t>& sources, InHand& hand) {
  const log::RecordView& record = *hand.record();
  const auto refused = [this](const Error& error) {
    return Failure{shared_->options.on_deserialization_error, error.code(), error.message()};
  };
  const SourceReader& first = sources_[sources.front()]->reader;
  auto context = first.read_context(record.headers);
  if (!context && first.takes_any()) context = codec::EventContext{};
  // Of a newer build, which can read it: no policy passes over it, and no dead letter takes it out
  // of its order.
  if (!context && context.error().is(codec::errc::incompatible))
    return Failure{ErrorAction::fail, context.error().code(), context.error().message()};
  if (!context) return refused(context.error());
  hand.context() = *context;
  for (const std::size_t index : sources) {
    Source& source = *sources_[index];
    Message message;
    const auto outcome = source.reader.read(record, context->type, message);
    if (!outcome) {
      readings_.clear();
      return refused(outcome.error());
    }
    if (*outcome == SourceReader::Outcome::message) readings_.emplace_back(source.node, message);
    if (*outcome != SourceReader::Outcome::unknown_type) continue;
    unknown_types_.found(source.reader.spec(), hand);
    if (source.reader.spec().on_unknown_type == OnUnknownType::error) {
      readings_.clear();
      return refused(unknown_type(context->type));
    }
  }
  return std::nullopt;
}

// A dead letter that came back: its headers say whose it is. Other sub-topologies read the same
// retry topic.
std::optional<Failure> Nodes::read_replayed(InHand& hand) {
  const log::HeadersView headers = hand.record()->headers;
  const auto owner = headers.find("dl-sub-topology");
  const auto topic = headers.find("dl-topic");
  for_us_ = false;
  if (owner != resolved_->spec->name) return pass_over(hand, owner);
  if (const auto found = newer_version(headers.find("dl-version"), dead_letter_version); found)
    return of_newer_version(*found);
  for (const InputTopic& input : resolved_->inputs) {
    if (input.is_retry || topic != input.topic.spec.name) continue;
    std::vector<std::size_t> sources;
    for (const std::size_t index : input.sources) {
      const SourceSpec& source = shared_->topology.sources[index];
      // Such a store is rebuilt from its topic alone and would forget what came by another way.
      const bool lost =
          source.table &&
          shared_->topology.stores[static_cast<std::size_t>(*source.table)].source_is_changelog;
      if (!lost) sources.push_back(index);
    }
    if (sources.empty())
      shared_->report(
          Level::warn,
          "a replayed record of a table is left out; write it to the table's topic again",
          hand.where());
    if (sources.empty()) return std::nullopt;
    for_us_ = true;
    replayed_headers_.clear();
    restore_headers(headers, replayed_headers_);
    hand.set_headers(replayed_headers_.view());
    return read_from(sources, hand);
  }
  for_us_ = true;
  shared_->report(Level::warn,
                  "a replayed record is skipped: its topic is no input of this part any more",
                  hand.where() + ", of topic " + shown(topic.value_or("")));
  return std::nullopt;
}

// It is for another part, or for none. Of a newer version without its part it may be for any: it
// becomes a dead letter again.
std::optional<Failure> Nodes::pass_over(const InHand& hand, std::optional<std::string_view> owner) {
  const std::vector<SubTopology>& parts = shared_->topology.sub_topologies;
  if (std::any_of(parts.begin(), parts.end(),
                  [&](const SubTopology& part) { return owner == part.name; }))
    return std::nullopt;
  const Result<bool> reports = strays_.reports(hand, owner);
  if (!reports) return of_the_log(reports.error());
  if (!*reports) return std::nullopt;
  for_us_ = true;
  const auto version = hand.record()->headers.find("dl-version");
  if (const auto found = newer_version(version, dead_letter_version); found && !owner)
    return of_newer_version(*found);
  if (owner) {
    shared_->report(Level::warn,
                    "a replayed record is skipped: no part has the name in its dead letter",
                    hand.where() + ", of part " + shown(*owner));
  } else {
    shared_->report(Level::warn,
                    "a replayed record is skipped: it names no part in dl-sub-topology",
                    hand.where());
  }
  return std::nullopt;
}

void Nodes::process(TaskContext& context) {
  for (const auto& [node, message] : readings_)
    node->process(message, context);
}

void Nodes::keep_tables(const InHand& hand, StoreSet& stores) {
  if (hand.is_firing()) return;
  for (const std::size_t index : hand.input()->topic().sources) {
    const SourceReader& reader = sources_[index]->reader;
    if (!reader.spec().table) continue;
    const StoreId id = *reader.spec().table;
    const StoreSpec& spec = shared_->topology.stores[static_cast<std::size_t>(id)];
    if (!spec.source_is_changelog) continue;
    if (!change_.read(reader, spec, *hand.record()).value_or(false)) continue;
    StagedStore* const store = stores.find(id);
    MILLRACE_ASSERT(store != nullptr, "the table of a source is a store of its sub-topology");
    if (const auto value = change_.value()) {
      store->put(change_.key(), *value, hand.record()->timestamp_ms);
    } else {
      store->erase(change_.key());
    }
  }
}

}  // namespace millrace::stream::runtime
