// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "millrace/log/topic_settings.hpp"

namespace millrace::cli {

namespace {

constexpr const char* list_topics = "millrace topics --all --names 2>/dev/null";

// `TEXT:{bash,zsh,fish}` names the choices of an option.
std::vector<std::string> choices_in(const std::string& type_name) {
  std::vector<std::string> choices;
  const std::size_t open = type_name.find('{');
  const std::size_t close = type_name.find('}');
  if (open == std::string::npos || close == std::string::npos) return choices;
  std::string word;
  for (const char c : type_name.substr(open + 1, close - open - 1) + ",") {
    if (c == ',') {
      choices.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  return choices;
}

// Of an option whose value is a setting of a topic, as `--set` and `--unset` have it.
std::vector<std::string> setting_choices(const CLI::Option& option) {
  const bool sets = option.check_lname("set");
  std::vector<std::string> choices;
  if (!sets && !option.check_lname("unset")) return choices;
  for (const log::NamedSetting& setting : log::named_settings({})) {
    const std::string name(setting.name);
    if (!sets) {
      choices.push_back(name);
    } else if (name == "cleanup.policy") {
      for (const char* const policy : {"keep", "delete", "compact", "compact,delete"})
        choices.push_back(name + "=" + policy);
    } else {
      choices.push_back(name + "=");
    }
  }
  return choices;
}

bool wants_topic(const CommandModel& command) {
  return std::find(command.positionals.begin(), command.positionals.end(), "TOPIC") !=
         command.positionals.end();
}

// Calls visit(path, command) for the command and all below it.
template <class Visit>
void for_each_command(const CommandModel& command, const std::string& path, const Visit& visit) {
  visit(path, command);
  for (const CommandModel& one : command.commands) {
    for_each_command(one, path.empty() ? one.name : path + " " + one.name, visit);
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string words_of(const CommandModel& program, const CommandModel& command) {
  std::vector<std::string> words;
  for (const CommandModel& one : command.commands)
    words.push_back(one.name);
  for (const std::string& choice : command.choices)
    words.push_back(choice);
  for (const CommandModel* owner : {&command, &program}) {
    for (const auto& option : owner->options) {
      for (const std::string& name : option.names) {
        if (std::find(words.begin(), words.end(), name) == words.end()) words.push_back(name);
      }
    }
    if (&command == &program) break;
  }
  return joined(words);
}

std::string quoted_for_fish(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

std::string fish_condition(const std::string& path, const CommandModel& command) {
  std::string condition;
  std::string word;
  for (const char c : path + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      condition += (condition.empty() ? "" : "; and ") +
                   std::string("__fish_seen_subcommand_from ") + std::exchange(word, {});
    }
  }
  if (command.commands.empty()) return condition;
  condition +=
      (condition.empty() ? "not " : "; and not ") + std::string("__fish_seen_subcommand_from");
  for (const CommandModel& one : command.commands)
    condition += " " + one.name;
  return condition;
}

}  // namespace

CommandModel describe_commands(const CLI::App& app) {
  CommandModel model;
  model.name = app.get_name();
  model.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      model.positionals.push_back(option->get_name(true));
      for (std::string& choice : choices_in(option->get_type_name())) {
        model.choices.push_back(std::move(choice));
      }
      continue;
    }
    CommandModel::Option described;
    for (const std::string& name : option->get_snames())
      described.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames())
      described.names.push_back("--" + name);
    described.help = option->get_description();
    described.takes_value = option->get_items_expected_max() > 0;
    described.choices = choices_in(option->get_type_name());
    if (described.choices.empty()) described.choices = setting_choices(*option);
    model.options.push_back(std::move(described));
  }
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
    model.commands.push_back(describe_commands(*one));
  }
  return model;
}

std::string bash_completion(const CommandModel& program) {
  std::string paths;
  std::string words;
  std::string with_value;
  std::string with_choices;
  for_each_command(program, "", [&](const std::string& path, const CommandModel& command) {
    if (!path.empty()) paths += (paths.empty() ? "" : " | ") + ("\"" + path + "\"");
    words += "    \"" + path + "\") words='" + words_of(program, command) + "'";
    if (wants_topic(command))
      words += "; [[ $cur == -* ]] || words=$(" + std::string(list_topics) + ")";
    words += " ;;\n";
    for (const auto& option : command.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        std::string item = "\"" + path + "/" + name + "\"";
        if (path.empty()) item += " | \"\"*\"/" + name + "\"";
        if (!option.choices.empty()) {
          with_choices +=
              "  " + item + ") _millrace_words '" + joined(option.choices) + "'; return ;;\n";
          continue;
        }
        with_value += (with_value.empty() ? "" : " | ") + item;
      }
    }
  });
  // bash takes NAME=VALUE for three words, zsh for one.
  return "# bash completion of millrace\n"
         "_millrace_words() {\n"
         "  COMPREPLY=($(compgen -W \"$1\" -- \"$start$cur\"))\n"
         "  COMPREPLY=(\"${COMPREPLY[@]#\"$start\"}\")\n"
         "  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace "
         "2>/dev/null\n"
         "  return 0\n"
         "}\n"
         "_millrace() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} path='' word words='' start='' end=$COMP_CWORD i\n"
         "  if [[ $cur == = ]]; then\n"
         "    cur='' start=${COMP_WORDS[end - 1]}= end=$((end - 1))\n"
         "  elif [[ ${COMP_WORDS[end - 1]} == = ]]; then\n"
         "    start=${COMP_WORDS[end - 2]}= end=$((end - 2))\n"
         "  fi\n"
         "  for ((i = 1; i < end; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    case \"${path:+$path }$word\" in\n"
         "    " +
         paths +
         ") path=${path:+$path }$word ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path/${COMP_WORDS[end - 1]}\" in\n" +
         with_choices + "  " + with_value +
         ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
         "  esac\n"
         "  case \"$path\" in\n" +
         words +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n"
         "complete -F _millrace millrace\n";
}

std::string zsh_completion(const CommandModel& program) {
  return "#compdef millrace\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_completion(program);
}

std::string fish_completion(const CommandModel& program) {
  std::string out = "# fish completion of millrace\ncomplete -c millrace -f\n";
  for_each_command(program, "", [&](const std::string& path, const CommandModel& command) {
    const std::string condition = fish_condition(path, command);
    const std::string when = " -n " + quoted_for_fish(condition);
    for (const CommandModel& one : command.commands) {
      out += "complete -c millrace" + when + " -a " + one.name + " -d " +
             quoted_for_fish(one.help) + "\n";
    }
    for (const std::string& choice : command.choices) {
      out += "complete -c millrace" + when + " -a " + choice + "\n";
    }
    if (wants_topic(command)) {
      out += "complete -c millrace" + when + " -a '(" + list_topics + ")'\n";
    }
    for (const auto& option : command.options) {
      // The program's own options may stand anywhere.
      out += "complete -c millrace" + (path.empty() ? std::string() : when);
      for (const std::string& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) out += " -r";
      if (!option.choices.empty()) out += " -a '" + joined(option.choices) + "'";
      out += " -d " + quoted_for_fish(option.help) + "\n";
    }
  });
  return out;
}

}  // namespace millrace::cli
