// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/edge_writer.hpp"

#include <thread>

namespace millrace::service {

struct EdgeWriter::State {
  State(log::Log& log, Clock& clock, Random& random, std::size_t max_waiting_bytes)
      : records(log, clock, random, max_waiting_bytes), thread([this] { records.run(); }) {}

  stream::RecordWriter records;
  std::thread thread;
};

EdgeWriter::EdgeWriter(log::Log& log, Clock& clock, Random& random, std::size_t max_waiting_bytes)
    : state_(std::make_unique<State>(log, clock, random, max_waiting_bytes)) {}

EdgeWriter::~EdgeWriter() {
  state_->records.stop();
  state_->thread.join();
}

stream::RecordWriter& EdgeWriter::records() { return state_->records; }

}  // namespace millrace::service
