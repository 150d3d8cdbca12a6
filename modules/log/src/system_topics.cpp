// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <string>
#include <vector>

#include "millrace/base/terminal_text.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log {

Status check_may_write(const TopicSpec& spec, Transaction::Batch& batch, std::string_view service) {
  MILLRACE_TRY(check_may_write(spec, service));
  if (spec.kind != TopicKind::system || service == any_service) return {};
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(batch.builder.finish(), records));
  const std::string own = std::string(service) + "/";
  for (const RecordView& record : records) {
    if (record.key && record.key->starts_with(own)) continue;
    return fail(errc::not_owner, "the key '" + escaped(record.key.value_or("")) + "' of topic '" +
                                     spec.name + "' (system) cannot be written by service '" +
                                     std::string(service) + "': its keys begin with '" + own + "'");
  }
  return {};
}

TopicKind stored_kind(TopicKind kind) {
  return kind == TopicKind::system ? TopicKind::commands : kind;
}

TopicKind kind_of_stored(TopicKind stored, std::string_view owner, bool compacts) {
  const bool is_system = stored == TopicKind::commands && owner == library_service && compacts;
  return is_system ? TopicKind::system : stored;
}

}  // namespace millrace::log
