// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace millrace::stream::detail {

/// A T of this thread that keeps its memory from one use to the next. No other use has it
/// meanwhile: a nested one, such as of a serde that calls another one or writes an event, gets
/// another T.
template <class T>
class Borrowed {
 public:
  Borrowed() {
    if (!pool().empty()) {
      object_ = std::move(pool().back());
      pool().pop_back();
    } else {
      object_ = std::make_unique<T>();
    }
  }
  ~Borrowed() { pool().push_back(std::move(object_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  [[nodiscard]] T& operator*() const { return *object_; }
  [[nodiscard]] T* operator->() const { return object_.get(); }

 private:
  static std::vector<std::unique_ptr<T>>& pool() {
    thread_local std::vector<std::unique_ptr<T>> objects;
    return objects;
  }

  std::unique_ptr<T> object_;
};

}  // namespace millrace::stream::detail
