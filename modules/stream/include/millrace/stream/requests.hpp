// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/stream/any_value.hpp"
#include "millrace/stream/request_ids.hpp"
#include "millrace/stream/request_records.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::stream {

/// How a topology keeps requests. The name is part of the names of topics: keep it over versions.
struct RequestsOptions {
  /// The topic that the commands are written to, of this service.
  std::string commands;
  /// Of the store; the requests are asked in the topic `<service>.<name>`.
  std::string name = "requests";
  /// How long a request is remembered after it ended, or after it was asked when it never ends.
  std::int64_t keep_ms = 7LL * 24 * 3'600'000;
  /// Services whose dead letters end a request, beside this one.
  std::vector<std::string> steps = {};
  /// Of the topic of commands. `events`: what is written there is published, and nobody else writes
  /// it, so that other services decide.
  log::TopicKind kind = log::TopicKind::commands;
};

namespace detail {

/// What the processors of a Requests share.
struct RequestsPart {
  std::string topic;  ///< that requests are asked in
  std::int64_t keep_ms = 0;

  [[nodiscard]] std::int64_t sweep_interval_ms() const;
};

/// Throws what makes the record a dead letter.
void decode_asked(const std::string& id, const RequestAsked& asked, const codec::TypeInfo& key_type,
                  void* key, const codec::TypeInfo& command_type, void* command);
/// The request that an event of one of the types ends, and how; none when it ends none.
[[nodiscard]] std::optional<std::pair<std::string, RequestEnded>> ended_by(
    const codec::EventContext& event, const RequestsPart& part,
    std::span<const std::string_view> types, const codec::TypeInfo& value_type, const void* value);

using RequestStore = StoreRef<std::string, RequestEntry>;

/// Decides which request has an id, and emits its command.
template <class K, class Command>
class AskProcessor {
 public:
  AskProcessor(RequestStore entries, Emitter<K, Command> commands, RequestsPart part)
      : entries_(entries), commands_(commands), part_(std::move(part)) {}

  void open(ProcessorContext& context) {
    context.sweep("forget", PunctuationType::wall_clock, part_.sweep_interval_ms(), entries_,
                  [this, context](const std::string& id, const RequestEntry& entry,
                                  std::int64_t now_ms) mutable {
                    const bool pending = entry.state == RequestState::pending;
                    if ((pending ? entry.asked_ms : entry.ended_ms) <= now_ms - part_.keep_ms)
                      context.store(entries_).erase(id);
                  });
  }
  void process(const std::string& id, const RequestAsked& asked, ProcessorContext& context) {
    auto entries = context.store(entries_);
    // Written again, so that the instance that asks finds it in the changelog.
    if (const auto known = entries.get(id)) return entries.put(id, *known);
    K key{};
    Command command{};
    decode_asked(id, asked, codec::type_info<K>(), &key, codec::type_info<Command>(), &command);
    RequestEntry entry;
    entry.body = body_hash(asked);
    entry.asked = context.record().context.id;
    entry.asked_ms = context.wall_ms();
    entries.put(id, entry);
    context.with_context(for_command(id, context), [&] { context.emit(commands_, key, command); });
  }

 private:
  [[nodiscard]] RememberedContext for_command(const std::string& id,
                                              const ProcessorContext& context) const {
    RememberedContext made = context.remember();
    made.request = push_request(made.request, part_.topic, id);
    return made;
  }

  RequestStore entries_;
  Emitter<K, Command> commands_;
  RequestsPart part_;
};

/// Sends outcomes to the task that has the id of their request.
template <class K, class V, class... Outcome>
class OutcomeProcessor {
 public:
  OutcomeProcessor(Emitter<std::string, RequestEnded> ended, RequestsPart part)
      : ended_(ended), part_(std::move(part)) {}

  void process(const std::optional<K>&, const V& value, ProcessorContext& context) {
    static const std::array<std::string_view, sizeof...(Outcome)> types{
        codec::event_type(codec::type_info<Outcome>())...};
    const auto ended =
        ended_by(context.record().context, part_, types, codec::type_info<V>(), &value);
    if (ended) context.emit(ended_, ended->first, ended->second);
  }

 private:
  Emitter<std::string, RequestEnded> ended_;
  RequestsPart part_;
};

/// The same for dead letters of the steps.
class LetterProcessor {
 public:
  LetterProcessor(Emitter<std::string, RequestEnded> ended, RequestsPart part)
      : ended_(ended), part_(std::move(part)) {}
  void open(ProcessorContext&) {}
  void process(const std::string& key, const AnyValue& value, ProcessorContext& context);

 private:
  Emitter<std::string, RequestEnded> ended_;
  RequestsPart part_;
};

/// Keeps how a request ended: the first outcome counts.
class EndProcessor {
 public:
  explicit EndProcessor(RequestStore entries) : entries_(entries) {}
  void open(ProcessorContext&) {}
  void process(const std::string& id, const RequestEnded& ended, ProcessorContext& context);

 private:
  RequestStore entries_;
};

}  // namespace detail

/// Requests that come to a service from outside, such as over HTTP: each has an id that the client
/// chooses, becomes one command with a key of type K, and ends with the first event of one of the
/// Outcome types that the command leads to. Command may be a std::variant.
///
///     using Moves = Requests<std::string, MoveMoney, MoneyMoved, MoveRefused>;
///     Moves::declare(builder, {.commands = "wallets.commands"}, outcomes);
///
/// The task that has the id decides: the first request under an id counts, and equal ones share its
/// outcome, whichever instance they come to, before and after any crash. In one commit it keeps the
/// request and emits its command. That command and each event that it leads to carry the request
/// (`ce_requestid`), beside their correlation.
template <class K, class Command, class... Outcome>
struct Requests {
  using Key = K;
  using CommandType = Command;
  static_assert(sizeof...(Outcome) > 0, "name the types of the events that end a request");

  /// `outcomes` has the events that end a request, perhaps among others.
  template <class K2, class V>
  static void declare(TopologyBuilder& builder, const RequestsOptions& options,
                      const Stream<K2, V>& outcomes) {
    const std::string& name = options.name;
    const detail::RequestsPart part{outcomes.graph().service() + "." + name, options.keep_ms};
    const detail::RequestStore entries = builder.store<std::string, RequestEntry>(name);
    const auto commands = builder.emitter<K, Command>(name + ".commands");
    const auto ended = builder.emitter<std::string, RequestEnded>(name + ".ended");
    builder.declare_topic(part.topic, log::TopicKind::commands);
    builder.stream<std::string, RequestAsked>(part.topic)
        .template process<detail::AskProcessor<K, Command>>(name, entries, commands, part);
    if (options.kind == log::TopicKind::events) {
      builder.stream(commands).to(options.commands);
    } else {
      builder.stream(commands).to_commands(options.commands);
    }
    outcomes.template process<detail::OutcomeProcessor<K2, V, Outcome...>>(name + ".outcomes",
                                                                           ended, part);
    builder.stream(ended)
        .repartition(name + ".ended")
        .merge(read_letters(builder, options, part, outcomes.graph()))
        .template process<detail::EndProcessor>(name + ".end", entries);
  }

 private:
  static Stream<std::string, RequestEnded> read_letters(TopologyBuilder& builder,
                                                        const RequestsOptions& options,
                                                        const detail::RequestsPart& part,
                                                        detail::Graph& graph) {
    const auto ended = builder.emitter<std::string, RequestEnded>(options.name + ".letters");
    Stream<std::string, AnyValue> letters{
        graph, graph.own_letters(detail::public_type<std::string, AnyValue>())};
    for (const std::string& step : options.steps)
      letters = letters.merge(builder.stream<std::string, AnyValue>(step + ".dead-letters"));
    letters.template process<detail::LetterProcessor>(options.name + ".letters", ended, part);
    return builder.stream(ended).repartition(options.name + ".letters");
  }
};

}  // namespace millrace::stream
