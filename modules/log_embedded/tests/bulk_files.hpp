// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::log {

/// Another file system that can also make many files durable at once. Counts how often, and the
/// syncs of single files below `/settled/`. One thread.
class BulkFiles final : public FileSystem, public BulkSync {
 public:
  explicit BulkFiles(FileSystem& files) : files_(files) {}

  int bulk_syncs = 0;
  int settled_syncs = 0;
  int fails = 0;  ///< so many of the next bulk syncs, which leave what was written as it is
  std::function<void()> before_settled_write;
  std::vector<std::string> synced_directories;

  Result<std::unique_ptr<File>> open_all(const std::string& directory) override {
    return std::make_unique<All>(*this, directory);
  }
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    MILLRACE_ASSIGN(auto file, files_.open(path, mode));
    return std::make_unique<Counted>(*this, std::move(file), path.contains("/settled/"));
  }
  Status create_directories(const std::string& path) override {
    return files_.create_directories(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return files_.list(path);
  }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Status sync_directory(const std::string& path) override {
    synced_directories.push_back(path);
    return files_.sync_directory(path);
  }

 private:
  class Counted : public File {
   public:
    Counted(BulkFiles& owner, std::unique_ptr<File> file, bool settled)
        : owner_(owner), file_(std::move(file)), settled_(settled) {}
    Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t size) override {
      return file_->read_at(offset, out, size);
    }
    Status write_at(std::uint64_t offset, std::string_view bytes) override {
      if (settled_ && owner_.before_settled_write != nullptr) {
        owner_.before_settled_write();
      }
      return file_->write_at(offset, bytes);
    }
    Status sync() override {
      owner_.settled_syncs += settled_ ? 1 : 0;
      return file_->sync();
    }
    Status allocate(std::uint64_t size) override { return file_->allocate(size); }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<char*> map(std::uint64_t size) override { return file_->map(size); }

   private:
    BulkFiles& owner_;
    std::unique_ptr<File> file_;
    bool settled_;
  };

  class All final : public File {
   public:
    All(BulkFiles& owner, std::string directory)
        : owner_(owner), directory_(std::move(directory)) {}
    Result<std::size_t> read_at(std::uint64_t, char*, std::size_t) override { return refused(); }
    Status write_at(std::uint64_t, std::string_view) override { return refused(); }
    Status sync() override {
      ++owner_.bulk_syncs;
      if (owner_.fails > 0) {
        --owner_.fails;
        return fail(errc::io_error, "cannot sync all of " + directory_ + ": set to fail");
      }
      return owner_.sync_below(directory_);
    }
    Status allocate(std::uint64_t) override { return refused(); }
    Status truncate(std::uint64_t) override { return refused(); }
    Result<std::uint64_t> size() override { return refused(); }
    Result<char*> map(std::uint64_t) override { return refused(); }

   private:
    [[nodiscard]] std::unexpected<Error> refused() const {
      return fail(errc::io_error, directory_ + ": is no file");
    }
    BulkFiles& owner_;
    std::string directory_;
  };

  Status sync_below(const std::string& path) {
    MILLRACE_ASSIGN(const auto file, files_.open(path, OpenMode::read));
    MILLRACE_TRY(file->sync());
    const auto names = files_.list(path).value_or(std::vector<std::string>{});
    for (const std::string& name : names) {
      MILLRACE_TRY(sync_below(path + "/" + name));
    }
    return {};
  }

  FileSystem& files_;
};

}  // namespace millrace::log
