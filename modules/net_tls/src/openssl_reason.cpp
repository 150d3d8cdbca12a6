// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "openssl_reason.hpp"

#include <openssl/err.h>

#include <cstring>

namespace millrace::net {

std::string openssl_reason() {
  const unsigned long first = ERR_peek_error();
  const unsigned long code = ERR_peek_last_error();
  std::string text;
  if (ERR_SYSTEM_ERROR(first)) {
    text = std::strerror(ERR_GET_REASON(first));
  } else if (code != 0) {
    const char* const known = ERR_reason_error_string(code);
    char room[256];
    ERR_error_string_n(code, room, sizeof room);
    text = known == nullptr ? room : known;
  }
  ERR_clear_error();
  return text;
}

}  // namespace millrace::net
