// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/instance.hpp"

#include <algorithm>

#include "runtime/worker.hpp"

namespace millrace::stream {

Result<std::unique_ptr<Instance>> Instance::open(log::Log& log, Topology topology,
                                                 InstanceOptions options, Environment environment) {
  auto worker = std::make_unique<Worker>(log, std::move(topology), std::move(options),
                                         std::move(environment));
  MILLRACE_TRY(worker->open());
  return std::unique_ptr<Instance>(new Instance(std::move(worker)));
}

Instance::Instance(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
Instance::~Instance() = default;

Result<StepResult> Instance::step() { return worker_->step(); }
void Instance::wait(const StepResult& last) { worker_->wait(last); }
void Instance::interrupt() { worker_->interrupt(); }
void Instance::maintain() { worker_->maintain(); }
Status Instance::close() { return worker_->close(); }
InstanceStatus Instance::status() const { return worker_->board().status(); }
bool Instance::ready() const { return worker_->board().ready(); }
std::optional<std::string> Instance::stalled() const { return worker_->board().stalled(); }
std::vector<UnknownTypeCount> Instance::unknown_types() const { return worker_->unknown_types(); }
std::string_view to_string(InstanceStatus::TaskState state) {
  return state == InstanceStatus::TaskState::restoring ? "restoring" : "running";
}

const Topology& Instance::topology() const { return worker_->topology(); }

Status Instance::check_view(std::string_view store, const codec::TypeInfo& key,
                            const codec::TypeInfo& value) const {
  return worker_->queries().check_types(store, key, value);
}

Result<std::string> Instance::name_of(StoreId store, BuilderId builder) const {
  return worker_->queries().name_of(store, builder);
}

Result<Answer<std::optional<std::string>>> Instance::read(std::string_view store,
                                                          std::string_view key) const {
  return worker_->queries().read(store, key);
}

Result<Answer<std::vector<std::pair<std::string, std::string>>>> Instance::read_range(
    std::string_view store, std::string_view from, std::string_view to, std::size_t limit) const {
  return worker_->queries().read_range(store, from, to, limit);
}

namespace detail {

codec::SerdePtr store_serde(const Instance& instance, std::string_view store) {
  const std::vector<StoreSpec>& stores = instance.topology().stores();
  const auto found = std::find_if(stores.begin(), stores.end(),
                                  [store](const StoreSpec& one) { return one.name == store; });
  return found == stores.end() ? codec::binary_serde() : found->serde;
}

Result<Answer<std::optional<std::string>>> read(const Instance& instance, std::string_view store,
                                                std::string_view key) {
  return instance.read(store, key);
}

Result<Entries> read_range(const Instance& instance, std::string_view store, std::string_view from,
                           std::string_view to, std::size_t limit) {
  return instance.read_range(store, from, to, limit);
}

}  // namespace detail
}  // namespace millrace::stream
