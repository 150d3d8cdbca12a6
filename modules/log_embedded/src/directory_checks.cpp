// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "directory_checks.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace millrace {
namespace {

/// Of a file system that is not safe; null for the others.
const char* unsafe_file_system(const std::string& directory) {
  struct statfs status{};
  if (::statfs(directory.c_str(), &status) != 0) {
    return nullptr;
  }
  switch (static_cast<unsigned long>(status.f_type)) {
    case NFS_SUPER_MAGIC:
      return "NFS";
    case SMB_SUPER_MAGIC:
      return "SMB";
    case 0xFF534D42UL:
      return "CIFS";
    case 0xFE534D42UL:
      return "SMB2";
    case FUSE_SUPER_MAGIC:
      return "FUSE";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    case V9FS_MAGIC:
      return "9p";
    case AFS_SUPER_MAGIC:
      return "AFS";
    case CEPH_SUPER_MAGIC:
      return "Ceph";
    default:
      return nullptr;
  }
}

}  // namespace

Status refuse_linked_parts(const std::string& directory) {
  for (const char* part : {"/members", "/index", "/journal", "/settled"}) {
    const std::string path = directory + part;
    struct stat found{};
    if (::lstat(path.c_str(), &found) == 0 && S_ISLNK(found.st_mode)) {
      return fail(errc::invalid_argument,
                  "{}: is a symbolic link, which is not followed inside the directory of a log; "
                  "put the directory itself there, or move the whole log",
                  path);
    }
  }
  return {};
}

Status refuse_unsafe_file_system(const std::string& directory, bool force) {
  const char* unsafe = unsafe_file_system(directory);
  if (unsafe != nullptr && !force) {
    return fail(errc::invalid_argument,
                "{}: lies on a file system ({}) on which processes may not share it safely; use a "
                "local disk, or EmbeddedOptions::force",
                directory, unsafe);
  }
  return {};
}

}  // namespace millrace
