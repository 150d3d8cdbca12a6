// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/base/ownership.hpp"
#include "millrace/base/sparse_file.hpp"

namespace millrace {
namespace {

ErrorCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return errc::disk_full;
    case ENOENT:
      return errc::not_found;
    case EEXIST:
      return errc::busy;
    case EACCES:
    case EPERM:
    case EROFS:
      return errc::no_permission;
    case EMFILE:
    case ENFILE:
      return errc::too_many_files;
    default:
      return errc::io_error;
  }
}

std::unexpected<Error> refused(const char* what, const std::string& path, int error) {
  std::string message = "cannot ";
  message.append(what).append(" ").append(path).append(": ").append(
      std::generic_category().message(error));
  return fail(code_of(error), std::move(message));
}

// Retries what a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

class RealFile final : public File, public SparseFile {
 public:
  RealFile(int descriptor, std::string path, OpenMode mode)
      : descriptor_(descriptor), path_(std::move(path)), mode_(mode) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override {
    for (const Mapping& mapping : mappings_) {
      ::munmap(mapping.start, mapping.size);
    }
    ::close(descriptor_);
  }

  Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = uninterrupted([&] {
        return ::pread(descriptor_, out + done, size - done, static_cast<off_t>(offset + done));
      });
      if (got < 0) {
        return refused("read", path_, errno);
      }
      if (got == 0) {
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = uninterrupted([&] {
        return ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (put <= 0) {
        return refused("write", path_, put == 0 ? EIO : errno);
      }
      done += static_cast<std::size_t>(put);
    }
    return {};
  }

  Status sync() override {
    // What is open for reading only may be a directory, whose entries are no data to some systems.
    const bool all = mode_ == OpenMode::read;
    if (uninterrupted([&] { return all ? ::fsync(descriptor_) : ::fdatasync(descriptor_); }) < 0) {
      return refused("sync", path_, errno);
    }
    return {};
  }

  Status allocate(std::uint64_t size) override {
    if (size == 0) {
      return {};
    }
    int error = 0;
    do {
      error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size));
    } while (error == EINTR);
    if (error != 0) {
      return refused("reserve room for", path_, error);
    }
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) < 0) {
      return refused("truncate", path_, errno);
    }
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(descriptor_, &info) < 0) {
      return refused("stat", path_, errno);
    }
    return static_cast<std::uint64_t>(info.st_size);
  }

  // Room that was reserved and never written is a hole to lseek(). What a file system does not know
  // counts as data.
  Result<Range> data_from(std::uint64_t offset) override {
    MILLRACE_ASSIGN(const std::uint64_t size, this->size());
    const off_t begin = ::lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
    if (begin < 0) {
      return errno == ENXIO ? Range{size, size} : Range{std::min(offset, size), size};
    }
    const off_t end = ::lseek(descriptor_, begin, SEEK_HOLE);
    return Range{static_cast<std::uint64_t>(begin),
                 end < 0 ? size : static_cast<std::uint64_t>(end)};
  }

  Result<char*> map(std::uint64_t size) override {
    const MutexLock lock(mutex_);
    for (const Mapping& mapping : mappings_) {
      if (mapping.size >= size) {
        return static_cast<char*>(mapping.start);
      }
    }
    MILLRACE_ASSIGN(const std::uint64_t available, this->size());
    if (size == 0 || available < size) {
      return fail(errc::io_error, "cannot map {} bytes of {}: it has {}; allocate them first", size,
                  path_, available);
    }
    void* const start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (start == MAP_FAILED) {
      return refused("map", path_, errno);
    }
    mappings_.push_back({start, size});
    return static_cast<char*>(start);
  }

 private:
  struct Mapping {
    void* start;
    std::size_t size;
  };

  int descriptor_;
  std::string path_;
  OpenMode mode_;
  Mutex mutex_;
  std::vector<Mapping> mappings_ MILLRACE_GUARDED_BY(mutex_);
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR | O_NOFOLLOW;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_NOFOLLOW;
    case OpenMode::create_exclusive:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

/// Of a directory: syncs its whole file system. Opened before what is written, so that the system
/// reports to it what could not be.
class WholeFileSystem final : public File {
 public:
  WholeFileSystem(int descriptor, std::string path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  WholeFileSystem(const WholeFileSystem&) = delete;
  WholeFileSystem& operator=(const WholeFileSystem&) = delete;
  ~WholeFileSystem() override { ::close(descriptor_); }

  Result<std::size_t> read_at(std::uint64_t, char*, std::size_t) override { return no_file(); }
  Status write_at(std::uint64_t, std::string_view) override { return no_file(); }
  Status sync() override {
    if (uninterrupted([&] { return ::syncfs(descriptor_); }) < 0) {
      return refused("sync the file system of", path_, errno);
    }
    return {};
  }
  Status allocate(std::uint64_t) override { return no_file(); }
  Status truncate(std::uint64_t) override { return no_file(); }
  Result<std::uint64_t> size() override { return no_file(); }
  Result<char*> map(std::uint64_t) override { return no_file(); }

 private:
  [[nodiscard]] std::unexpected<Error> no_file() const { return refused("use", path_, EISDIR); }

  int descriptor_;
  std::string path_;
};

/// Whether syncfs() does: from Linux 5.8 on.
bool reports_lost_pages() {
  struct utsname system{};
  int major = 0;
  int minor = 0;
  return ::uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
         (major > 5 || (major == 5 && minor >= 8));
}

class RealFileSystem final : public FileSystem, public BulkSync {
 public:
  Result<std::unique_ptr<File>> open_all(const std::string& directory) override {
    if (!reports_lost_pages()) {
      return fail(errc::io_error,
                  "syncfs of this kernel does not report what could not be written");
    }
    const int descriptor = uninterrupted(
        [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) {
      return refused("open directory", directory, errno);
    }
    return std::make_unique<WholeFileSystem>(descriptor, directory);
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int descriptor = open_or_create(path, flags_of(mode));
    if (descriptor < 0 && errno == ELOOP && mode != OpenMode::read) {
      return fail(errc::invalid_argument,
                  "cannot open {} for writing: it is a symbolic link; put the file itself there",
                  path);
    }
    if (descriptor < 0) {
      return refused("open", path, errno);
    }
    return std::make_unique<RealFile>(descriptor, path, mode);
  }

  Status create_directories(const std::string& path) override {
    if (path.empty()) {
      return fail(errc::invalid_argument, "cannot make a directory: its path is empty");
    }
    for (std::size_t end = 0; end != std::string::npos;) {
      end = path.find('/', end + 1);
      const std::string part = path.substr(0, end);
      if (part.empty() || is_directory(part)) {
        continue;
      }
      MILLRACE_TRY(made(part, make_private_directory(part)));
    }
    return {};
  }

  Status create_subdirectory(const std::string& path) override {
    return is_directory(path) ? Status{} : made(path, make_subdirectory(path));
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* const directory = ::opendir(path.c_str());
    if (directory == nullptr) {
      return refused("list", path, errno);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(std::move(name));
      }
    }
    const int error = errno;
    ::closedir(directory);
    if (error != 0) {
      return refused("list", path, error);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // What cannot be looked at may well exist: opening it then reports the reason.
  bool exists(const std::string& path) override {
    return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
  }

  Status remove(const std::string& path) override {
    if (std::remove(path.c_str()) < 0) {
      return refused("remove", path, errno);
    }
    return {};
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) < 0) {
      return refused("rename", from + " to " + to, errno);
    }
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) {
      return refused("open directory", path, errno);
    }
    const int result = uninterrupted([&] { return ::fsync(descriptor); });
    const int error = errno;
    ::close(descriptor);
    if (result < 0) {
      return refused("sync directory", path, error);
    }
    return {};
  }

 private:
  // `result` and errno are those of the call that made the directory.
  Status made(const std::string& path, int result) {
    if (result < 0) {
      if (errno == EEXIST && is_directory(path)) {
        return {};
      }
      return refused("make directory", path, errno == EEXIST ? ENOTDIR : errno);
    }
    const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
    return sync_directory(directory_of(trimmed));
  }
  static bool is_directory(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }
};

}  // namespace

Result<int> open_to_append(const std::string& path) {
  const int descriptor = open_or_create(path, O_WRONLY | O_CREAT | O_APPEND);
  if (descriptor < 0) {
    return refused("open", path, errno);
  }
  return descriptor;
}

FileSystem& real_file_system() {
  static RealFileSystem files;
  return files;
}

}  // namespace millrace
