// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::log {

/// Another file system, one of whose calls fails: a write leaves its first half behind, anything
/// else does nothing. Calls that change something count, and those that read on request. One
/// thread.
class FailingFiles final : public FileSystem, public BulkSync {
 public:
  explicit FailingFiles(FileSystem& files) : files_(files) {}

  /// Counts from here on; the call `number`, from 1, fails with that code.
  void fail_call(int number, ErrorCode code) {
    left_ = number;
    code_ = code;
  }
  /// The call `number`, from 1, fails, and all that follow: the process has died there, or the disk
  /// is full.
  void fail_from(int number, ErrorCode code = errc::io_error) {
    fail_call(number, code);
    for_good_ = true;
  }
  void stop_failing() {
    left_ = -1;
    for_good_ = false;
  }
  /// What a write that fails leaves behind. All of one write: of those after it nothing.
  enum class Left { half, all_of_one, nothing };
  void leave_of_writes(Left left) { leaves_ = left; }
  /// Counts and fails also calls that read: opening, listing, reading, the size of a file.
  void count_reads() { counts_reads_ = true; }
  /// Counts and fails only calls on paths with `part` in them; "" for all.
  void count_only(std::string part) { part_ = std::move(part); }
  [[nodiscard]] bool failed() const { return left_ == 0; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    MILLRACE_TRY(mode == OpenMode::read ? read_call("open", path) : call("open", path));
    MILLRACE_ASSIGN(auto file, files_.open(path, mode));
    return std::make_unique<FailingFile>(*this, std::move(file), path);
  }
  Status create_directories(const std::string& path) override {
    MILLRACE_TRY(call("make", path));
    return files_.create_directories(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    MILLRACE_TRY(read_call("list", path));
    return files_.list(path);
  }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Status remove(const std::string& path) override {
    MILLRACE_TRY(call("remove", path));
    return files_.remove(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    MILLRACE_TRY(call("rename", from));
    return files_.rename(from, to);
  }
  Status sync_directory(const std::string& path) override {
    MILLRACE_TRY(call("sync", path));
    return files_.sync_directory(path);
  }
  Result<std::unique_ptr<File>> open_all(const std::string& directory) override {
    auto* const bulk = dynamic_cast<BulkSync*>(&files_);
    if (bulk == nullptr) {
      return fail(errc::io_error, "these files cannot be synced at once");
    }
    MILLRACE_ASSIGN(auto all, bulk->open_all(directory));
    return std::make_unique<FailingFile>(*this, std::move(all), directory);
  }

 private:
  class FailingFile final : public File {
   public:
    FailingFile(FailingFiles& files, std::unique_ptr<File> file, std::string path)
        : files_(files), file_(std::move(file)), path_(std::move(path)) {}
    Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t size) override {
      MILLRACE_TRY(files_.read_call("read", path_));
      return file_->read_at(offset, out, size);
    }
    Status write_at(std::uint64_t offset, std::string_view bytes) override {
      if (Status called = files_.call("write", path_); !called) {
        MILLRACE_TRY(file_->write_at(offset, bytes.substr(0, files_.left_of(bytes.size()))));
        return called;
      }
      return file_->write_at(offset, bytes);
    }
    Status sync() override {
      MILLRACE_TRY(files_.call("sync", path_));
      return file_->sync();
    }
    Status allocate(std::uint64_t size) override {
      MILLRACE_TRY(files_.call("reserve room for", path_));
      return file_->allocate(size);
    }
    Status truncate(std::uint64_t size) override {
      MILLRACE_TRY(files_.call("truncate", path_));
      return file_->truncate(size);
    }
    Result<std::uint64_t> size() override {
      MILLRACE_TRY(files_.read_call("look at", path_));
      return file_->size();
    }
    Result<char*> map(std::uint64_t size) override { return file_->map(size); }

   private:
    FailingFiles& files_;
    std::unique_ptr<File> file_;
    std::string path_;
  };

  std::size_t left_of(std::size_t bytes) {
    if (leaves_ == Left::all_of_one) {
      leaves_ = Left::nothing;
      return bytes;
    }
    return leaves_ == Left::half ? bytes / 2 : 0;
  }

  Status call(const char* what, const std::string& path) {
    if (path.find(part_) == std::string::npos) {
      return {};
    }
    const bool reached = left_ > 0 && --left_ == 0;
    if (!reached && (left_ != 0 || !for_good_)) {
      return {};
    }
    return fail(code_, std::string("cannot ") + what + " " + path + ": set to fail");
  }

  Status read_call(const char* what, const std::string& path) {
    return counts_reads_ ? call(what, path) : Status{};
  }

  FileSystem& files_;
  int left_ = -1;
  bool for_good_ = false;
  Left leaves_ = Left::half;
  bool counts_reads_ = false;
  std::string part_;
  ErrorCode code_ = errc::io_error;
};

}  // namespace millrace::log
