// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "plan_runner.hpp"

#include <stdexcept>

#include "millrace/codec/typed_object.hpp"
#include "millrace/stream/memory_store.hpp"

namespace millrace::stream::test {

namespace {
constexpr std::int32_t partitions = 4;
}

struct PlanRunner::Queued {
  std::string topic;
  std::unique_ptr<codec::TypedObject> key;
  std::unique_ptr<codec::TypedObject> value;
  std::int64_t timestamp_ms;
};

class PlanRunner::Context final : public TaskContext {
 public:
  explicit Context(PlanRunner& runner) : runner_(runner) {}
  RecordInHand record_in_hand;

  [[nodiscard]] const RecordInHand& record() const override { return record_in_hand; }
  [[nodiscard]] std::int64_t stream_time_ms() const override { return record_in_hand.timestamp_ms; }
  [[nodiscard]] std::int64_t wall_ms() const override { return 0; }
  [[nodiscard]] log::PartitionId partition() const override { return log::partition(0); }
  [[nodiscard]] StagedStore& store(StoreId id) override { return *runner_.stores_.at(id); }
  void forward(NodeId to, const Message& message) override {
    runner_.nodes_.at(static_cast<std::size_t>(to))->process(message, *this);
  }
  void send(const SinkSpec& sink, const Message& message) override;
  void dead_letter(ErrorCode code, std::string_view reason) override {
    runner_.dead_letters_.push_back(std::string(code.name) + ": " + std::string(reason));
  }
  OperatorTime& operator_time(StoreId store) override { return operator_times_[store]; }
  void schedule(std::string_view name, PunctuationType, std::int64_t,
                std::function<void(std::int64_t)> callback) override {
    runner_.punctuators_[std::string(name)] = std::move(callback);
  }
  // Nothing is swept here.
  void sweep(std::string_view, PunctuationType, std::int64_t, StoreId,
             std::function<void(std::string_view, std::string_view, std::int64_t)>) override {}
  void with_context(const RememberedContext&, FunctionRef<void()> fn) override { fn(); }

 private:
  PlanRunner& runner_;
  std::map<StoreId, OperatorTime> operator_times_;
};

namespace {

std::unique_ptr<codec::TypedObject> copy_of(const codec::TypeInfo& type, const void* from) {
  auto made = std::make_unique<codec::TypedObject>(type);
  type.destroy(made->get());
  type.copy(made->get(), from);
  return made;
}

}  // namespace

void PlanRunner::Context::send(const SinkSpec& sink, const Message& message) {
  std::string text;
  if (message.key == nullptr)
    throw std::invalid_argument("PlanRunner keeps no records without a key");
  codec::encode_json(*sink.type.key, message.key, text);
  text += "=";
  if (message.value != nullptr) {
    codec::encode_json(*sink.type.value, message.value, text);
  } else {
    text += "null";
  }
  if (sink.partitioner)
    text += "@" + std::to_string(sink.partitioner(message.key, message.value, partitions));
  runner_.sent_[sink.topic.name].push_back(text);
  runner_.queue_.push_back(
      {sink.topic.name, copy_of(*sink.type.key, message.key),
       message.value != nullptr ? copy_of(*sink.type.value, message.value) : nullptr,
       message.timestamp_ms});
}

PlanRunner::PlanRunner(Topology plan)
    : plan_(std::move(plan)), context_(std::make_unique<Context>(*this)) {
  for (const StoreSpec& store : plan_.stores())
    stores_[store.id] = std::make_unique<MemoryStore>();
  for (const NodeSpec& node : plan_.nodes())
    nodes_.push_back(node.make());
  for (const NodeSpec& node : plan_.nodes()) {
    for (const NodeId parent : node.parents) {
      nodes_[static_cast<std::size_t>(parent)]->children.push_back(
          nodes_[static_cast<std::size_t>(node.id)].get());
    }
  }
  for (const auto& node : nodes_)
    node->open(*context_);
}

PlanRunner::~PlanRunner() = default;

StoreId PlanRunner::id_of(const std::string& name) const {
  for (const StoreSpec& store : plan_.stores()) {
    if (store.name == name) return store.id;
  }
  throw std::out_of_range("no store " + name);
}

void PlanRunner::deliver(const std::string& topic, const Message& message) {
  for (const SourceSpec& source : plan_.sources()) {
    if (source.topic != topic) continue;
    context_->record_in_hand.topic = topic;
    context_->record_in_hand.timestamp_ms = message.timestamp_ms;
    context_->forward(source.node, message);
  }
  drain();
}

void PlanRunner::drain() {
  while (!queue_.empty()) {
    const Queued next = std::move(queue_.front());
    queue_.pop_front();
    deliver(next.topic,
            {next.key->get(), next.value ? next.value->get() : nullptr, next.timestamp_ms});
  }
}

void PlanRunner::fire(const std::string& name, std::int64_t time_ms) {
  context_->record_in_hand.timestamp_ms = time_ms;
  punctuators_.at(name)(time_ms);
  drain();
}

std::vector<std::string> PlanRunner::sent(const std::string& topic) {
  return std::exchange(sent_[topic], {});
}

}  // namespace millrace::stream::test
