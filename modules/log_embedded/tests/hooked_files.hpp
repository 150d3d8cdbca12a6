// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/file_errors.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/sparse_file.hpp"

namespace millrace::log {

/// Another file system whose files call a function before the read of a given number: what others
/// do while somebody reads. It can refuse to open a file, too, and counts what is open. One thread.
class HookedFiles final : public FileSystem {
 public:
  explicit HookedFiles(FileSystem& files) : files_(files) {}

  /// Counts reads from here on; the read `number` calls `hook` first.
  void before_read(int number, std::function<void()> hook) {
    left_ = number;
    hook_ = std::move(hook);
    counts_calls_ = false;
  }
  /// The same; openings and listings are counted, too.
  void before_call(int number, std::function<void()> hook) {
    before_read(number, std::move(hook));
    counts_calls_ = true;
  }
  [[nodiscard]] bool was_called() const { return hook_ == nullptr; }
  /// The next sync of a file calls `hook` first.
  void before_sync(std::function<void()> hook) { sync_hook_ = std::move(hook); }
  /// Each read asks first, with the path of its file and the offset, and fails with what that
  /// returns.
  void check_reads(std::function<Status(const std::string&, std::uint64_t)> check) {
    check_read_ = std::move(check);
  }
  /// Each write calls `hook` first, with its size.
  void before_each_write(std::function<void(std::size_t bytes)> hook) {
    write_hook_ = std::move(hook);
  }
  /// Counts openings from here on; the opening `number` fails, as in a process that has no
  /// descriptor left. A negative number lets all of them succeed.
  void fail_open(int number) { opens_left_ = number; }
  [[nodiscard]] bool open_failed() const { return opens_left_ < 0; }
  /// Files that are open, and the most that were open at once.
  [[nodiscard]] std::size_t open_now() const { return open_now_; }
  [[nodiscard]] std::size_t open_max() const { return open_max_; }
  /// No more can be open at once, as by RLIMIT_NOFILE.
  void limit_open(std::size_t limit) { open_limit_ = limit; }
  /// Each sync_directory() finds no descriptor to open the directory with: another thread took the
  /// last one.
  void refuse_directories(bool refuse) { refuses_directories_ = refuse; }
  [[nodiscard]] int directory_syncs() const { return directory_syncs_; }
  /// How often a directory was listed, and a file opened.
  [[nodiscard]] int listings() const { return listings_; }
  [[nodiscard]] int openings() const { return openings_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    count_call();
    ++openings_;
    if (opens_left_ >= 0 && opens_left_-- == 0) {
      return fail(errc::too_many_files, path + ": cannot open: is set to fail");
    }
    MILLRACE_TRY(check_descriptor(path));
    MILLRACE_ASSIGN(auto file, files_.open(path, mode));
    const bool directory = files_.list(path).has_value();
    return std::make_unique<HookedFile>(*this, std::move(file), path, directory);
  }
  Status create_directories(const std::string& path) override {
    return files_.create_directories(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    count_call();
    ++listings_;
    MILLRACE_TRY(check_descriptor(path));
    return files_.list(path);
  }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Status sync_directory(const std::string& path) override {
    MILLRACE_TRY(check_descriptor(path));
    if (refuses_directories_) {
      return fail(errc::too_many_files, path + ": cannot open: is set to fail");
    }
    ++directory_syncs_;
    return files_.sync_directory(path);
  }

 private:
  class HookedFile final : public File, public SparseFile {
   public:
    HookedFile(HookedFiles& owner, std::unique_ptr<File> file, std::string path, bool directory)
        : owner_(owner), file_(std::move(file)), path_(std::move(path)), directory_(directory) {
      owner_.open_max_ = std::max(owner_.open_max_, ++owner_.open_now_);
    }
    ~HookedFile() override { --owner_.open_now_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t size) override {
      owner_.count_read();
      if (owner_.check_read_ != nullptr) {
        MILLRACE_TRY(owner_.check_read_(path_, offset));
      }
      auto got = file_->read_at(offset, out, size);
      owner_.bytes_read_ += got ? *got : 0;
      return got;
    }
    Result<Range> data_from(std::uint64_t offset) override {
      return millrace::data_from(*file_, offset);
    }
    Status write_at(std::uint64_t offset, std::string_view bytes) override {
      if (owner_.write_hook_ != nullptr) {
        owner_.write_hook_(bytes.size());
      }
      return file_->write_at(offset, bytes);
    }
    Status sync() override {
      owner_.directory_syncs_ += directory_ ? 1 : 0;
      if (owner_.sync_hook_ != nullptr) {
        std::exchange(owner_.sync_hook_, nullptr)();
      }
      return file_->sync();
    }
    Status allocate(std::uint64_t size) override { return file_->allocate(size); }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<char*> map(std::uint64_t size) override { return file_->map(size); }

   private:
    HookedFiles& owner_;
    std::unique_ptr<File> file_;
    std::string path_;
    bool directory_;
  };

  [[nodiscard]] Status check_descriptor(const std::string& path) const {
    return open_now_ < open_limit_ ? Status{}
                                   : fail(errc::too_many_files, path + ": too many open files");
  }
  void count_call() {
    if (counts_calls_) {
      count_read();
    }
  }
  void count_read() {
    if (hook_ != nullptr && left_-- == 0) {
      std::exchange(hook_, nullptr)();
    }
  }

  FileSystem& files_;
  int left_ = 0;
  bool counts_calls_ = false;
  int opens_left_ = -1;
  std::size_t open_now_ = 0;
  std::size_t open_max_ = 0;
  std::size_t open_limit_ = SIZE_MAX;
  bool refuses_directories_ = false;
  int directory_syncs_ = 0;
  int listings_ = 0;
  int openings_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::function<void()> hook_;
  std::function<void()> sync_hook_;
  std::function<Status(const std::string&, std::uint64_t)> check_read_;
  std::function<void(std::size_t)> write_hook_;
};

}  // namespace millrace::log
