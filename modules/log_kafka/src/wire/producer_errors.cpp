// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/producer_errors.hpp"

namespace millrace::log::kafka::wire {

bool ends_producer(Code code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return true;
    default:
      return false;
  }
}

bool lost_count(Code code) {
  return code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER ||
         code == RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID;
}

}  // namespace millrace::log::kafka::wire
