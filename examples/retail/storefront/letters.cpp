// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/letters.hpp"

#include <memory>
#include <span>
#include <string_view>

#include "millrace/stream/any_value.hpp"
#include "retail/contracts/orders.hpp"

namespace retail::storefront {

namespace {

using millrace::stream::AnyValue;
using millrace::stream::Emitter;
using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::Stream;

class LetterReader final : public Processor<std::string, AnyValue> {
 public:
  explicit LetterReader(Emitter<RequestId, Letter> letters) : letters_(letters) {}

  void process(const std::string& id, const AnyValue&, ProcessorContext& context) override {
    const auto& record = context.record();
    const auto header = [&](std::string_view name) {
      return std::string(record.headers.find(name).value_or(""));
    };
    Letter letter;
    letter.place = std::string(record.topic) + "-" + std::to_string(record.partition.value) + ":" +
                   std::to_string(record.offset.value);
    letter.topic = header("dl-topic");
    letter.type = record.context.type;
    letter.event = record.context.id;
    letter.reason = header("dl-reason");
    context.emit(letters_, RequestId{id}, letter);
  }

 private:
  Emitter<RequestId, Letter> letters_;
};

}  // namespace

std::vector<std::string> steps() {
  std::vector<std::string> services;
  for (const std::string_view topic : step_dead_letters_topics)
    services.emplace_back(topic.substr(0, topic.find('.')));
  return services;
}

Stream<RequestId, Letter> read_letters(millrace::stream::TopologyBuilder& builder) {
  const auto topics = std::span(step_dead_letters_topics);
  // With the keys that Requests reads them with.
  Stream<std::string, AnyValue> all = builder.stream<std::string, AnyValue>(topics.front());
  for (const char* topic : topics.subspan(1))
    all = all.merge(builder.stream<std::string, AnyValue>(topic));
  const auto letters = builder.emitter<RequestId, Letter>("letters-read");
  all.process<LetterReader>("letter-reader", letters);
  return builder.stream(letters).repartition("letters");
}

}  // namespace retail::storefront
