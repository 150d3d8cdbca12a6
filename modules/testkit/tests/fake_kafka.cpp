// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "fake_kafka.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <charconv>
#include <utility>

namespace millrace::testkit {
namespace {

bool read_exactly(int fd, char* to, std::size_t size) {
  while (size > 0) {
    const auto got = ::recv(fd, to, size, 0);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

std::optional<std::string> read_frame(int fd) {
  std::string frame(4, '\0');
  if (!read_exactly(fd, frame.data(), 4)) return std::nullopt;
  const auto size = static_cast<std::size_t>(kafka_proxy::WireReader(frame).i32());
  frame.resize(4 + size);
  if (!read_exactly(fd, frame.data() + 4, size)) return std::nullopt;
  return frame;
}

void write_all(int fd, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    const auto size = ::send(fd, bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
    if (size < 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

void make_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK); }

}  // namespace

std::string kafka_request(KafkaApi api, std::int16_t version, std::int32_t correlation_id,
                          std::string_view body, std::string_view client_id) {
  kafka_proxy::WireWriter writer;
  writer.i16(static_cast<std::int16_t>(api)).i16(version).i32(correlation_id).string(client_id);
  if (kafka_proxy::is_flexible(api, version)) writer.i8(0);
  return writer.raw(body).finish();
}

FakeBroker::FakeBroker(Answer answer) : answer_(std::move(answer)) {
  if (!answer_) {
    answer_ = [](const KafkaRequest& request) {
      return kafka_proxy::WireWriter().i32(request.correlation_id).i32(0).i16(0).finish();
    };
  }
  port_.listen();
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeBroker::~FakeBroker() {
  hush(false);
  die();
  for (auto& thread : threads_)
    thread.join();
}

void FakeBroker::die() {
  if (!acceptor_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    dead_ = true;
  }
  stop_.wake();
  acceptor_.join();
  port_.close();
  const std::scoped_lock lock(mutex_);
  for (const auto& socket : sockets_)
    ::shutdown(socket.get(), SHUT_RDWR);
}

void FakeBroker::hush(bool quiet) {
  const std::scoped_lock lock(mutex_);
  quiet_ = quiet;
  changed_.notify_all();
}

void FakeBroker::accept_all() {
  while (true) {
    pollfd polled[]{{port_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
    ::poll(polled, 2, -1);
    const std::scoped_lock lock(mutex_);
    if (dead_) return;
    auto socket = port_.accept();
    if (!socket.is_open()) continue;
    const auto fd = socket.get();
    make_blocking(fd);
    sockets_.push_back(std::move(socket));
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeBroker::serve(int fd) {
  while (const auto frame = read_frame(fd))
    answer(fd, *frame);
  ::shutdown(fd, SHUT_RDWR);
  const std::scoped_lock lock(mutex_);
  ++ends_;
  changed_.notify_all();
}

void FakeBroker::answer(int fd, std::string_view frame) {
  const auto request = kafka_proxy::decode_request(frame);
  {
    std::unique_lock lock(mutex_);
    requests_.push_back(request->correlation_id);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !quiet_; });
  }
  if (!kafka_proxy::has_response(*request)) return;
  const auto response = answer_(*request);
  write_all(fd, response, pieces_ ? 1 : response.size());
}

std::vector<std::int32_t> FakeBroker::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void FakeBroker::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return requests_.size() >= count; });
}

void FakeBroker::wait_for_ends(std::size_t count) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ends_ >= count; });
}

FakeClient::FakeClient(std::string_view address) {
  address = address.substr(0, address.find(','));
  const auto colon = address.rfind(':');
  kafka_proxy::Address parsed{std::string(address.substr(0, colon)), 0};
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), parsed.port);
  const auto endpoint = kafka_proxy::resolve(parsed);
  kafka_proxy::Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* target = reinterpret_cast<const sockaddr*>(&endpoint->address);
  if (::connect(made.get(), target, endpoint->size) == 0) socket_ = std::move(made);
}

void FakeClient::send(std::string_view bytes) { write_all(socket_.get(), bytes, bytes.size()); }

void FakeClient::send_in_pieces(std::string_view bytes) { write_all(socket_.get(), bytes, 1); }

std::optional<std::string> FakeClient::receive() {
  auto frame = read_frame(socket_.get());
  if (frame) frame->erase(0, 4);
  return frame;
}

std::int32_t FakeClient::receive_id() {
  const auto payload = receive();
  return payload ? kafka_proxy::WireReader(*payload).i32() : -1;
}

}  // namespace millrace::testkit
