// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_deletions.hpp"

#include <utility>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t pause_ns = 60'000'000'000;
// Others wait for the right to write checkpoints meanwhile.
constexpr std::int64_t round_ns = 100'000'000;

void keep_first(Status& kept, Status next) {
  if (kept) {
    kept = std::move(next);
  }
}

}  // namespace

bool TopicDeletions::is_due(std::int64_t now_ns) const {
  return !stopped_.load() && topics_.catalog().deletions() > done_.load() &&
         now_ns >= paused_until_ns_.load();
}

void TopicDeletions::stop() {
  stopped_.store(true);
  const MutexLock guard(changing_);
}

/// The directories that still have the names of these topics. No topics with these names are there,
/// or were created since: they would not have been before this was done.
std::vector<TopicDeletions::Renaming> TopicDeletions::renamings(
    const std::vector<Topic>& deleted) const {
  std::vector<Renaming> found;
  for (const Topic& topic : deleted) {
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
      const std::string from = settled_directory(directory_.path(), topic.spec.name, p);
      if (directory_.files().exists(from)) {
        found.push_back({from, deleted_directory(directory_.path(), topic, p)});
      }
    }
  }
  return found;
}

Status TopicDeletions::run(const Settler::Lock& lock) {
  MILLRACE_TRY(directory_.check_in_place());
  MILLRACE_TRY(topics_.refresh());
  const std::size_t deletions = topics_.catalog().deletions();
  const std::vector<Renaming> wanted = renamings(topics_.catalog().last_of_deleted_names());
  Status renamed = wanted.empty() ? Status{} : write_checkpoint(lock);
  if (renamed) {
    renamed = rename_all(wanted);
  }
  // Also what was renamed before.
  const Status synced = sync_renamed();
  const Result<bool> removed = synced ? remove_renamed() : fail(synced.error());
  if (!renamed || !removed) {
    pause();
  } else if (*removed) {
    done_.store(deletions);
  }
  return directory_.check_not_failed();
}

void TopicDeletions::rename_alone() {
  if (topics_.catalog().deletions() == 0) {
    return;
  }
  const Status renamed = rename_all(renamings(topics_.catalog().last_of_deleted_names()));
  if (!renamed || !sync_renamed()) {
    pause();
  }
}

void TopicDeletions::pause() {
  directory_.counts().deletion_errors.fetch_add(1, std::memory_order_relaxed);
  paused_until_ns_.store(directory_.clock().monotonic_ns() + pause_ns);
}

Result<std::optional<TopicId>> TopicDeletions::free_name(const Settler::Lock& lock,
                                                         std::string_view name) {
  MILLRACE_TRY(directory_.check_in_place());
  MILLRACE_TRY(topics_.refresh());
  const auto last = topics_.catalog().last_deleted(name);
  if (!last) {
    return std::nullopt;
  }
  if (topics_.catalog().find(name) == nullptr) {
    const std::vector<Renaming> wanted = renamings({*last});
    if (!wanted.empty()) {
      MILLRACE_TRY(write_checkpoint(lock));
    }
    MILLRACE_TRY(rename_all(wanted));
    MILLRACE_TRY(sync_renamed());
  }
  return last->id;
}

Status TopicDeletions::write_checkpoint(const Settler::Lock& lock) {
  MILLRACE_FAULT_POINT("delete.before_checkpoint");
  const auto make = [&]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    return checkpointer_.make(locked);
  };
  MILLRACE_ASSIGN(const Checkpoint made, make());
  return with_descriptors([&] { return checkpointer_.write_before_removal(made); });
}

Status TopicDeletions::check_may_change() {
  MILLRACE_TRY(directory_.check_open());
  if (stopped_.load()) {
    return fail(errc::closed, "{}: this handle is being closed", directory_.path());
  }
  return {};
}

/// All that it can.
Status TopicDeletions::rename_all(const std::vector<Renaming>& wanted) {
  const MutexLock guard(changing_);
  Status done;
  for (const Renaming& one : wanted) {
    MILLRACE_TRY(check_may_change());
    MILLRACE_FAULT_POINT("delete.before_rename");
    keep_first(done, directory_.files().rename(one.from, one.to));
  }
  return done;
}

/// Also what a member renamed that died, or failed, before that was durable.
Status TopicDeletions::sync_renamed() {
  const MutexLock guard(changing_);
  const std::string settled = directory_.path() + names::settled;
  if (!directory_.files().exists(settled)) {
    return {};
  }
  MILLRACE_FAULT_POINT("delete.before_sync");
  return with_descriptors([&] { return directory_.files().sync_directory(settled); });
}

/// False when files were left for want of time.
Result<bool> TopicDeletions::remove_renamed() {
  const MutexLock guard(changing_);
  FileSystem& files = directory_.files();
  const std::string settled = directory_.path() + names::settled;
  if (!files.exists(settled)) {
    return true;
  }
  const std::int64_t until_ns = directory_.clock().monotonic_ns() + round_ns;
  MILLRACE_ASSIGN(const auto names, with_descriptors([&] { return files.list(settled); }));
  Status done;
  for (const std::string& name : names) {
    if (!is_deleted_directory(name)) {
      continue;
    }
    const Result<bool> removed = remove_directory(settled + "/" + name, until_ns);
    if (removed && !*removed) {
      return false;
    }
    keep_first(done, removed ? Status{} : fail(removed.error()));
  }
  MILLRACE_TRY(done);
  return true;
}

Result<bool> TopicDeletions::remove_directory(const std::string& path, std::int64_t until_ns) {
  FileSystem& files = directory_.files();
  MILLRACE_ASSIGN(const auto left, with_descriptors([&] { return files.list(path); }));
  for (const std::string& file : left) {
    MILLRACE_TRY(check_may_change());
    if (directory_.clock().monotonic_ns() >= until_ns) {
      return false;
    }
    MILLRACE_FAULT_POINT("delete.before_removal");
    MILLRACE_TRY(files.remove(path + "/" + file));
  }
  MILLRACE_TRY(files.remove(path));
  MILLRACE_FAULT_POINT("delete.removed");
  return true;
}

}  // namespace millrace::log::embedded
