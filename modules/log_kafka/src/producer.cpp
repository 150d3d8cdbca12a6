// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "producer.hpp"

#include "wire/transactional_producer.hpp"

namespace millrace::log::kafka {

Result<std::unique_ptr<Producer>> Producer::open_transactional(
    const ClientConfig& config, const std::string& transactional_id) {
  return wire::TransactionalProducer::open(config, transactional_id);
}

Status Producer::commit(std::span<OutgoingBatch> batches,
                        std::span<const OutgoingPositions> positions) {
  MILLRACE_TRY(begin(positions));
  for (OutgoingBatch& batch : batches)
    MILLRACE_TRY(add(batch));
  // Before the end is asked for: what fails until then was surely not committed.
  MILLRACE_TRY(settle());
  return end();
}

}  // namespace millrace::log::kafka
