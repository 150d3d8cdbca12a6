// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled_path.hpp"

#include "log_directory.hpp"
#include "millrace/log_embedded/file_names.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view deleted_ending = "-delete";
constexpr std::size_t name_bytes_max = 255;  // of an entry of a directory

}  // namespace

std::string settled_directory(const std::string& log, std::string_view topic,
                              std::int32_t partition) {
  std::string path = log + names::settled + "/";
  path += topic;
  path += "-";
  return path.append(std::to_string(partition));
}

std::string deleted_directory(const std::string& log, const Topic& topic, std::int32_t partition) {
  std::string ending = "-" + std::to_string(partition) + "." + std::to_string(topic.id.value);
  ending += deleted_ending;
  // Number and partition make it unique.
  return log + names::settled + "/" + topic.spec.name.substr(0, name_bytes_max - ending.size()) +
         ending;
}

bool is_deleted_directory(std::string_view name) {
  return name.ends_with(deleted_ending) && is_log_directory(std::string("settled/").append(name));
}

}  // namespace millrace::log::embedded
