// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "tls_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/net/errors.hpp"
#include "openssl_reason.hpp"

namespace millrace::net {

namespace {

// So much is encrypted at once, and sent at once.
constexpr std::size_t output_bytes = 128U << 10U;

}  // namespace

/// What OpenSSL calls to move bytes. Its own use of a socket would raise SIGPIPE.
struct TlsBytes {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
    BIO_clear_retry_flags(bio);
    stream(bio).output_.append(bytes, size);
    *written = size;
    return 1;
  }

  static int read(BIO* bio, char* room, std::size_t size, std::size_t* taken) {
    BIO_clear_retry_flags(bio);
    TlsStream& self = stream(bio);
    const auto came = self.socket_.read({room, size});
    if (!came) {
      self.socket_error_ = came.error();
      return 0;
    }
    *taken = *came;
    if (*came == 0) {
      BIO_set_retry_read(bio);
    }
    return *came == 0 ? 0 : 1;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*argument*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const it = [] {
      BIO_METHOD* const made =
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
      MILLRACE_ASSERT(made != nullptr, "no memory");
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return it;
  }
};

TlsStream::TlsStream(Address address, const TlsContext& context, Clock& clock,
                     std::int64_t connect_timeout_ns)
    : socket_(std::move(address), clock, connect_timeout_ns) {
  auto made = context.connection(socket_.address().host);
  if (!made) {
    status_ = fail(made.error());
    return;
  }
  tls_ = *std::move(made);
  BIO* const bio = BIO_new(TlsBytes::method());
  MILLRACE_ASSERT(bio != nullptr, "no memory");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
}

TlsStream::~TlsStream() = default;

void TlsStream::close() {
  socket_.close();
  connected_ = false;
}

short TlsStream::events(bool writes) const {
  if (!socket_.is_connected()) {
    return socket_.events(writes);
  }
  const bool has_output = !output_.empty() || (connected_ && writes);
  return static_cast<short>(POLLIN | (has_output ? POLLOUT : 0));
}

std::unexpected<Error> TlsStream::failed(const char* doing) {
  std::string why = openssl_reason();
  if (socket_error_) {
    why = socket_error_->message();
    return fail(socket_error_->code(), connected_ ? why : why + ", during the TLS handshake");
  }
  if (const long verified = SSL_get_verify_result(tls_.get());
      !connected_ && verified != X509_V_OK) {
    why += std::string(": ") + X509_verify_cert_error_string(verified);
  }
  return fail(errc::tls_failed, "{}: SSL: {}: {}", address().text(), doing, why);
}

Result<std::size_t> TlsStream::outcome(int result, std::size_t moved, const char* doing) {
  if (result == 1) {
    return moved;
  }
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return std::size_t{0};
    case SSL_ERROR_ZERO_RETURN:
      return fail(errc::connection_lost, "{} closed the connection", address().text());
    default:
      return failed(doing);
  }
}

Status TlsStream::flush() {
  while (sent_ < output_.size()) {
    MILLRACE_ASSIGN(const std::size_t sent, socket_.write(std::string_view(output_).substr(sent_)));
    if (sent == 0) {
      return {};
    }
    sent_ += sent;
  }
  output_.clear();
  sent_ = 0;
  return {};
}

Status TlsStream::try_connect() {
  MILLRACE_TRY(status_);
  if (connected_) {
    return {};
  }
  if (!socket_.is_connected()) {
    MILLRACE_TRY(socket_.try_connect());
  }
  if (!socket_.is_connected()) {
    return {};
  }
  ERR_clear_error();
  const int result = SSL_connect(tls_.get());
  const auto went = outcome(result, 0, "handshake");
  // Also the alert that tells the server why the client stops.
  const Status sent = flush();
  if (!went) {
    status_ = fail(went.error());
  }
  if (went && !sent) {
    status_ = sent;
  }
  connected_ = result == 1 && status_;
  return status_;
}

Result<std::size_t> TlsStream::write(std::string_view bytes) {
  MILLRACE_TRY(flush());
  std::size_t taken = 0;
  while (output_.empty() && taken < bytes.size()) {
    const std::string_view part = bytes.substr(taken, output_bytes);
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(tls_.get(), part.data(), part.size(), &written);
    if (result != 1) {
      return failed("sending");
    }
    taken += written;
    MILLRACE_TRY(flush());
  }
  return taken;
}

Result<std::size_t> TlsStream::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t taken = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &taken);
  auto came = outcome(result, taken, "receiving");
  // What OpenSSL has to send in response, and the rest of the last write.
  const Status sent = flush();
  if (came && *came == 0 && !sent) {
    return fail(sent.error());
  }
  return came;
}

}  // namespace millrace::net
