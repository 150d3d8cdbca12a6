// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/backends.hpp"

#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_kafka/kafka.hpp"

namespace millrace::service {

void register_backends() {
  log::register_embedded();
  log::register_kafka();
}

}  // namespace millrace::service
