// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/accept_version.hpp"

#include <optional>
#include <vector>

#include "manifest/change_at_rest.hpp"
#include "manifest/manifest_version.hpp"

namespace millrace::stream {

namespace {

// Those of a name, and the names of all.
struct Named {
  std::vector<std::optional<std::int64_t>*> versions;
  std::string part;
  std::string known;
};

void find(Manifest& manifest, std::string_view state, std::string_view name, Named& found) {
  const auto look_at = [&](const Manifest::Part& part, const std::string& entry,
                           std::optional<std::int64_t>& version) {
    found.known.append(found.known.empty() ? "" : ", ").append(entry);
    if (entry != name) return;
    found.versions.push_back(&version);
    found.part = part.name;
  };
  for (Manifest::Part& part : manifest.parts) {
    if (part.state != state) continue;
    for (Manifest::Store& store : part.stores) {
      if (!store.removed) look_at(part, store.name, store.version);
    }
    if (!part.processors) continue;
    for (Manifest::Processor& processor : *part.processors)
      look_at(part, processor.name, processor.version);
  }
}

// Of a part that is there, or else of one that may come back.
Named find(Manifest& manifest, std::string_view name) {
  Named found;
  for (const std::string_view state : {"live", "removed"}) {
    if (found.versions.empty()) find(manifest, state, name, found);
  }
  return found;
}

}  // namespace

Result<AcceptedVersion> accept_version(log::Log& log, std::string_view service,
                                       std::string_view name, std::int64_t version, bool dry_run) {
  if (version < 1 || version > version_max)
    return fail(millrace::errc::invalid_argument, "version {}: versions are counted from 1 to {}",
                version, version_max);
  MILLRACE_TRY(check_nobody_lives(log, service));
  MILLRACE_ASSIGN(auto manifest, read_manifest(log, service));
  if (!manifest)
    return fail(
        millrace::errc::not_found,
        "the log has no topology of a service {}: check the name, or start the service once",
        service);
  const Named found = find(*manifest, name);
  if (found.versions.empty())
    return fail(millrace::errc::not_found,
                "the topology of {} has no store or processor {}; it has: {}", service, name,
                found.known.empty() ? "none" : found.known);
  const AcceptedVersion accepted{found.part, found.versions.front()->value_or(1)};
  if (dry_run) return accepted;
  for (std::optional<std::int64_t>* const one : found.versions) {
    one->reset();
    if (version != 1) *one = version;
  }
  manifest->version = version_of(*manifest);
  ++manifest->revision;
  MILLRACE_TRY(write_at_rest(log, service, *manifest));
  return accepted;
}

}  // namespace millrace::stream
