#include "resources.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

namespace ringfleet::soak {

namespace {

// Files of processes come and go while they are counted.
std::uint64_t count_of(const std::string& directory, std::string_view word) {
  std::uint64_t count = 0;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    count += entry->path().filename().string().find(word) != std::string::npos ? 1U : 0U;
  }
  return count;
}
std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
std::uint64_t number_after(const std::string& text, std::string_view key) {
  const auto at = text.find(key);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + key.size()));
}
// Of all threads; zombies, too.
std::uint64_t children() {
  std::uint64_t count = 0;
  std::error_code ignored;
  for (std::filesystem::directory_iterator task("/proc/self/task", ignored), end; task != end;
       task.increment(ignored)) {
    std::istringstream list(text_of(task->path() / "children"));
    for (std::string child; list >> child;) {
      ++count;
    }
  }
  return count;
}

// Numbers differ from process to process.
std::string without_numbers(std::string text) {
  std::erase_if(text, [](char letter) { return letter >= '0' && letter <= '9'; });
  return text;
}

void compare(std::vector<std::string>& found, const std::string& whose, const char* what, std::uint64_t before,
             std::uint64_t after, std::uint64_t slack = 0) {
  if (slack == 0 ? after != before : after > before + slack) {
    found.push_back(whose + " has " + std::to_string(after) + " " + what + ", had " + std::to_string(before));
  }
}

using Names = std::map<std::string, std::uint64_t>;
void tell_names(std::vector<std::string>& found, const std::string& whose, const Names& then, const Names& now) {
  Names names = now;
  names.insert(then.begin(), then.end()); // those that are gone
  for (const auto& [name, unused] : names) {
    const auto count_in = [&wanted = name](const Names& in) {
      const auto at = in.find(wanted);
      return at == in.end() ? 0 : at->second;
    };
    compare(found, "  of " + whose, name.c_str(), count_in(then), count_in(now));
  }
}

} // namespace

Resources resources_of(pid_t pid, std::string of) {
  const auto proc = "/proc/" + std::to_string(pid);
  const auto status = text_of(proc + "/status");
  const auto maps = text_of(proc + "/maps");
  Resources found;
  found.of = std::move(of);
  found.resident_kib = number_after(status, "VmRSS:");
  found.heap_kib = number_after(status, "RssAnon:");
  found.file_kib = number_after(status, "RssFile:");
  found.shared_kib = number_after(status, "RssShmem:");
  found.threads = number_after(status, "Threads:");
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(proc + "/fd", ignored), end; entry != end; entry.increment(ignored)) {
    ++found.descriptors;
    ++found.names["descriptor of " + without_numbers(std::filesystem::read_symlink(entry->path(), ignored).string())];
  }
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::size_t name_column = 73;
    const auto rights = line.substr(line.find(' '), 5);
    const auto name = line.size() > name_column ? line.substr(name_column) : "";
    ++(name.starts_with('/') ? found.mappings : found.anonymous);
    ++found.names["mapping" + rights + ' ' + without_numbers(name)];
  }
  return found;
}

Debris debris_of(const std::string& word, const std::string& runtime_directory) {
  Debris found;
  found.shared_memory = count_of("/dev/shm", word);
  std::error_code ignored;
  for (std::filesystem::recursive_directory_iterator entry(runtime_directory, ignored), end; entry != end;
       entry.increment(ignored)) {
    ++found.runtime;
    ++found.names["file " + without_numbers(entry->path().string().substr(runtime_directory.size()))];
  }
  found.children = children();
  return found;
}

std::vector<std::string> differences(const Picture& before, const Picture& after) {
  std::vector<std::string> found;
  compare(found, "the soak", "processes", before.processes.size(), after.processes.size());
  for (std::size_t i = 0; i < before.processes.size() && i < after.processes.size(); ++i) {
    const auto& then = before.processes[i];
    const auto& now = after.processes[i];
    const auto told = found.size();
    compare(found, now.of, "descriptors", then.descriptors, now.descriptors);
    compare(found, now.of, "mappings", then.mappings, now.mappings);
    compare(found, now.of, "anonymous mappings", then.anonymous, now.anonymous, anonymous_slack);
    compare(found, now.of, "threads", then.threads, now.threads);
    if (found.size() != told) {
      tell_names(found, now.of, then.names, now.names);
    }
    compare(found, now.of, "bytes allocated", then.heap_bytes, now.heap_bytes, heap_slack_bytes);
    compare(found, now.of, "KiB resident", then.resident_kib, now.resident_kib, resident_slack_kib);
  }
  compare(found, "/dev/shm", "names of the soak", before.debris.shared_memory, after.debris.shared_memory);
  compare(found, "the runtime directory", "entries", before.debris.runtime, after.debris.runtime);
  if (before.debris.runtime != after.debris.runtime) {
    tell_names(found, "the runtime directory", before.debris.names, after.debris.names);
  }
  compare(found, "this process", "children", before.debris.children, after.debris.children);
  return found;
}

} // namespace ringfleet::soak
