// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "acls.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>
#include <map>
#include <set>
#include <tuple>

#include "millrace/base/shell_text.hpp"
#include "millrace/codec/describe.hpp"

namespace millrace::cli {

namespace {

// The parts of a description that count here; all else in it is passed over.
struct UsedTopic {
  std::string topic;
};
BOOST_DESCRIBE_STRUCT(UsedTopic, (), (topic))

struct DescribedPart {
  std::string name;
  std::vector<UsedTopic> sources;
  std::vector<UsedTopic> sinks;
};
BOOST_DESCRIBE_STRUCT(DescribedPart, (), (name, sources, sinks))

struct DescribedTopic {
  std::string name;
  std::string kind;
};
BOOST_DESCRIBE_STRUCT(DescribedTopic, (), (name, kind))

struct Described {
  std::string service;
  std::vector<DescribedPart> sub_topologies;
  std::vector<DescribedTopic> topics;
};
BOOST_DESCRIBE_STRUCT(Described, (), (service, sub_topologies, topics))

std::vector<std::string> names_of(const std::vector<UsedTopic>& topics) {
  std::vector<std::string> names;
  for (const UsedTopic& one : topics)
    names.push_back(one.topic);
  return names;
}

// Where the JSON object ends that the text begins with; 0: it does not.
std::size_t object_end(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        in_string = false;
    } else if (text[i] == '"') {
      in_string = true;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

// The topics that a service touches, and what it does there.
class TopicAcls {
 public:
  void allow(const std::string& topic, std::initializer_list<const char*> operations,
             const std::string& reason) {
    Use& use = uses_[topic];
    if (use.reason.empty()) use.reason = reason;
    for (const char* operation : operations)
      use.operations.insert(operation);
  }
  // What the grant of a prefix covers.
  void forget(const std::string& prefix) {
    std::erase_if(uses_, [&](const auto& use) { return use.first.starts_with(prefix); });
  }
  void add_to(std::vector<Acl>& acls, const std::string& prefix) const {
    for (const auto& [topic, use] : uses_) {
      std::vector<std::string> operations(use.operations.begin(), use.operations.end());
      acls.push_back({"topic", false, prefix + topic, std::move(operations), use.reason});
    }
  }

 private:
  struct Use {
    std::set<std::string> operations;
    std::string reason;
  };
  std::map<std::string, Use> uses_;
};

std::string own_prefix(const ServiceDescription& service) { return service.service + "."; }

// Of the topics that a service uses: those that it does not own.
std::vector<std::string> used_of_others(const ServiceDescription& service) {
  std::vector<std::string> used = service.more_read;
  used.insert(used.end(), service.more_written.begin(), service.more_written.end());
  for (const ServiceDescription::Part& part : service.parts) {
    used.insert(used.end(), part.sources.begin(), part.sources.end());
    used.insert(used.end(), part.sinks.begin(), part.sinks.end());
  }
  std::erase_if(used, [&](const std::string& name) {
    return std::any_of(service.topics.begin(), service.topics.end(),
                       [&](const auto& topic) { return topic.name == name; });
  });
  return used;
}

}  // namespace

Result<std::vector<ServiceDescription>> parse_descriptions(std::string_view text,
                                                           const std::string& where) {
  const auto refuse = [&](const std::string& why) {
    return fail(errc::invalid_argument,
                where + ": " + why + "; expected is what `SERVICE --describe json` prints");
  };
  std::vector<ServiceDescription> found;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::size_t end = object_end(text);
    if (text.front() != '{' || end == 0) return refuse("no JSON object");
    auto described = codec::from_json<Described>(text.substr(0, end));
    if (!described) return refuse(described.error().message());
    text.remove_prefix(end);
    ServiceDescription service{described->service, {}, {}};
    if (service.service.empty()) return refuse("it names no service");
    for (const DescribedPart& part : described->sub_topologies)
      service.parts.push_back({part.name, names_of(part.sources), names_of(part.sinks)});
    for (const DescribedTopic& topic : described->topics)
      service.topics.push_back({topic.name, topic.kind});
    found.push_back(std::move(service));
  }
  if (found.empty()) return refuse("it is empty");
  return found;
}

std::optional<KafkaAddress> kafka_address_of(const std::string& url) {
  constexpr std::string_view scheme = "kafka://";
  if (!url.starts_with(scheme)) return std::nullopt;
  const std::string rest = url.substr(scheme.size(), url.find('?') - scheme.size());
  const std::size_t slash = rest.find('/');
  KafkaAddress address{rest.substr(0, slash), {}};
  if (slash != std::string::npos && slash + 1 < rest.size())
    address.prefix = rest.substr(slash + 1) + ".";
  return address;
}

namespace {

// Of several inputs, none of which the topology writes itself, the engine keeps in which order they
// were taken.
bool keeps_ranges(const ServiceDescription& service, const ServiceDescription::Part& part) {
  const auto is_written = [&](const std::string& source) {
    return source == service.service + ".dead-letters" ||
           std::any_of(service.parts.begin(), service.parts.end(),
                       [&](const ServiceDescription::Part& other) {
                         return std::find(other.sinks.begin(), other.sinks.end(), source) !=
                                other.sinks.end();
                       });
  };
  return part.sources.size() > 1 &&
         std::none_of(part.sources.begin(), part.sources.end(), is_written);
}

}  // namespace

std::vector<Acl> acls_of(const ServiceDescription& service, const std::string& prefix,
                         OwnTopics own_topics) {
  TopicAcls topics;
  topics.allow("__millrace", {"Create", "Delete", "DescribeConfigs", "Read", "Write"},
               "Millrace's state: topics, members, claims");
  topics.allow("__millrace_sequences", {"Create", "Read", "Write"},
               "appends that are repeated with a sequence");
  topics.allow("__millrace.settings", {"Create", "DescribeConfigs", "Read", "Write"},
               "settings that stay the same for the life of a log");
  topics.allow("__millrace.instances", {"Create", "DescribeConfigs", "Read", "Write"},
               "where instances find each other");
  const auto own = [&](const std::string& name, const std::string& kind) {
    topics.allow(name, {"Create", "DescribeConfigs", "Write"}, "own " + kind);
    if (kind != "events") topics.allow(name, {"Read"}, {});
  };
  own(service.service + ".manifest", "private");
  for (const ServiceDescription::Topic& topic : service.topics)
    own(topic.name, topic.kind);
  for (const ServiceDescription::Part& part : service.parts) {
    // What the engine itself keeps of a part that reads: timers, counts of failed attempts.
    if (!part.sources.empty())
      own(service.service + "." + part.name + ".system.changelog", "private");
    if (keeps_ranges(service, part))
      own(service.service + "." + part.name + ".system.ranges", "private");
    for (const std::string& source : part.sources)
      topics.allow(source, {"Read"}, "is read");
    for (const std::string& sink : part.sinks)
      topics.allow(sink, {"Write"}, "is written: commands of another");
  }
  for (const std::string& topic : service.more_read)
    topics.allow(topic, {"Read"}, "is read, beyond the topology");
  for (const std::string& topic : service.more_written)
    topics.allow(topic, {"Write"}, "is written, beyond the topology");
  std::vector<Acl> acls;
  if (own_topics == OwnTopics::by_prefix) {
    topics.forget(own_prefix(service));
    acls.push_back({"topic",
                    true,
                    prefix + own_prefix(service),
                    {"Create", "DescribeConfigs", "Read", "Write"},
                    "own topics, by the names of any build"});
  }
  for (const ServiceDescription::Topic& topic : service.topics) {
    if (topic.kind == "commands") topics.allow(topic.name, {"Delete"}, "old commands are removed");
  }
  for (const std::string& topic : service.more_deleted)
    topics.allow(topic, {"Delete", "Read"}, "is deleted");
  topics.add_to(acls, prefix);
  acls.push_back(
      {"group", true, prefix + service.service + "/", {"Read"}, "positions of its tasks"});
  acls.push_back({"transactional-id",
                  true,
                  prefix + "millrace.",
                  {"Describe", "Write"},
                  "commits; ending those of members that fell silent"});
  return acls;
}

std::vector<std::string> strangers_in_prefix(const ServiceDescription& service,
                                             const std::vector<ServiceDescription>& all) {
  const std::string own = own_prefix(service);
  std::set<std::string> found;
  const auto add = [&](const std::string& topic) {
    if (topic.starts_with(own)) found.insert(topic);
  };
  for (const std::string& topic : used_of_others(service))
    add(topic);
  for (const ServiceDescription& other : all) {
    if (other.service == service.service) continue;
    add(own_prefix(other) + "*");
    for (const ServiceDescription::Topic& topic : other.topics) {
      if (!topic.name.starts_with(own_prefix(other))) add(topic.name);
    }
  }
  return {found.begin(), found.end()};
}

std::vector<Acl> acls_of_reader(const std::string& prefix) {
  // Kafka has no prefix of no letters: `*` stands for all.
  const bool all = prefix.empty();
  const std::string names = all ? "*" : prefix;
  return {{"topic", false, prefix + "__millrace", {"DescribeConfigs"}, "its settings are verified"},
          {"topic", !all, names, {"Read"}, "records"},
          {"group", !all, names, {"Describe"}, "positions"}};
}

std::vector<std::string> acl_commands(const std::vector<Acl>& acls, const std::string& principal,
                                      const std::string& bootstrap,
                                      const std::string& command_config) {
  using Kind = std::tuple<std::string, bool, std::vector<std::string>>;
  std::vector<std::pair<Kind, std::vector<std::string>>> groups;
  for (const Acl& acl : acls) {
    const Kind kind{acl.resource, acl.prefixed, acl.operations};
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first == kind; });
    if (found == groups.end()) found = groups.insert(found, {kind, {}});
    found->second.push_back(acl.name);
  }
  std::vector<std::string> lines;
  for (const auto& [kind, names] : groups) {
    const auto& [resource, prefixed, operations] = kind;
    std::string line = "kafka-acls.sh --bootstrap-server " + shell_word(bootstrap);
    if (!command_config.empty()) line += " --command-config " + shell_word(command_config);
    line += " --add --allow-principal " + shell_word(principal);
    for (const std::string& operation : operations)
      line += " --operation " + operation;
    if (prefixed) line += " --resource-pattern-type prefixed";
    for (const std::string& name : names)
      line += " --" + resource + " " + shell_word(name);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace millrace::cli
