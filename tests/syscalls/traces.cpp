#include "traces.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/ring_listing.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace ringfleet::test {
namespace {

namespace fs = std::filesystem;

// One runner, lane or socket is as good as another: a reload leaves others than it found.
std::string without_numbers(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isdigit(c) != 0; });
  return text;
}

// What `now` has more of than `before`.
std::multiset<std::string> grown(const std::multiset<std::string>& before, const std::multiset<std::string>& now) {
  std::multiset<std::string> more;
  std::ranges::set_difference(now, before, std::inserter(more, more.end()));
  return more;
}

// The lock files of rings and fleets stay, and so do the directories of fleets; all of it is documented.
bool may_always_stay(const std::string& path) {
  return path.ends_with("+lock") || path.ends_with("/lock") || fs::is_directory(path);
}

std::set<std::string> files_of(const Surroundings& here) {
  std::set<std::string> files;
  std::error_code vanished;
  for (const auto& entry : fs::directory_iterator("/dev/shm", vanished)) {
    if (entry.path().filename().string().starts_with("ringfleet." + here.word)) {
      files.insert(entry.path());
    }
  }
  for (fs::recursive_directory_iterator entry(here.directory, vanished), end; !vanished && entry != end;
       entry.increment(vanished)) {
    files.insert(entry->path());
  }
  std::erase_if(files, may_always_stay);
  return files;
}

std::size_t entries_of(const char* directory) {
  const fs::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<ring::FoundRing> rings_of(const Surroundings& here) {
  auto rings = ring::list_shm_rings();
  std::erase_if(rings, [&](const auto& ring) { return ring.place.name() != here.word; });
  for (auto& ring : ring::list_file_rings(here.directory)) {
    rings.push_back(std::move(ring));
  }
  return rings;
}

// Files of one ring, whole and owned by nobody.
bool is_part_of_a_ring(const Surroundings& here, const std::string& file) {
  return std::ranges::any_of(rings_of(here), [&](const auto& ring) {
    return (ring.state == ring::FoundState::ended || ring.state == ring::FoundState::dead ||
            ring.state == ring::FoundState::alive) &&
           std::ranges::find(ring.files, file) != ring.files.end();
  });
}

// The part of a fleet's directory that `up` and `down` clear.
bool is_of_a_fleet(const Surroundings& here, const std::string& file) {
  return file.starts_with(here.directory + "/" + here.word + "/") || file.starts_with(here.directory + "/channels/");
}

} // namespace

Traces Traces::of_now(const Surroundings& here) {
  Traces traces;
  std::error_code vanished;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    const auto target = fs::read_symlink(entry.path(), vanished);
    if (!vanished && target.string().find("/proc/") == std::string::npos) {
      traces.descriptors.insert(without_numbers(target.string()));
    }
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:") != std::string::npos || line.find("/dev/shm/") != std::string::npos) {
      traces.mappings.insert(without_numbers(line.substr(line.find('/'))));
    }
  }
  traces.threads = entries_of("/proc/self/task");
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (std::string pid; children >> pid;) {
      ++traces.children;
    }
  }
  traces.files = files_of(here);
  return traces;
}

Traces Traces::when_settled(const Surroundings& here) {
  const auto until = deadline_after(monotonic_now(), std::chrono::seconds(10));
  for (;;) {
    Traces traces = of_now(here);
    const bool lane_on_its_way = std::ranges::any_of(
        traces.descriptors, [](const std::string& target) { return target.starts_with("/memfd:ringfleet lane"); });
    if (!lane_on_its_way || monotonic_now() >= until) {
      return traces;
    }
    std::this_thread::yield();
  }
}

void Traces::wait_for_same(const Traces& before, const Surroundings& here, bool rings_may_stay, bool lanes_may_grow,
                           Files files, std::vector<std::string>& problems) {
  const auto until = deadline_after(monotonic_now(), std::chrono::seconds(10));
  std::vector<std::string> differences;
  do {
    std::this_thread::yield();
    differences.clear();
    const Traces now = of_now(here);
    for (const auto& descriptor : grown(before.descriptors, now.descriptors)) {
      differences.push_back("descriptor left open: " + descriptor);
    }
    for (const auto& descriptor : grown(now.descriptors, before.descriptors)) {
      differences.push_back("descriptor of somebody else closed: " + descriptor);
    }
    for (const auto& mapping : grown(before.mappings, now.mappings)) {
      if (!lanes_may_grow) {
        differences.push_back("mapping left: " + mapping);
      }
    }
    if (now.threads != before.threads) {
      differences.push_back(std::to_string(now.threads) + " threads, before " + std::to_string(before.threads));
    }
    if (now.children != before.children) {
      differences.push_back(std::to_string(now.children) + " children, before " + std::to_string(before.children));
    }
    std::multiset<std::string> names;
    for (const auto& file : before.files) {
      names.insert(without_numbers(file));
    }
    for (const auto& file : files == Files::ignored ? before.files : now.files) {
      if (const auto known = names.find(without_numbers(file)); known != names.end()) {
        names.erase(known);
      } else if (!(rings_may_stay && is_part_of_a_ring(here, file))) {
        differences.push_back("file left: " + file);
      }
    }
  } while (!differences.empty() && monotonic_now() < until);
  problems.insert(problems.end(), differences.begin(), differences.end());
}

std::size_t recognise_debris(const Surroundings& here) {
  const auto rings = rings_of(here);
  const auto files = files_of(here);
  for (const auto& file : files) {
    const auto found = std::ranges::find_if(
        rings, [&](const auto& ring) { return std::ranges::find(ring.files, file) != ring.files.end(); });
    if (found != rings.end()) {
      if (found->state == ring::FoundState::alive || found->state == ring::FoundState::unknown ||
          found->state == ring::FoundState::damaged) {
        throw std::runtime_error(file + " is said to be " + std::string(ring::to_string(found->state)) + ": " +
                                 found->problem);
      }
    } else if (!is_of_a_fleet(here, file) && !file.starts_with(here.directory + "/segment")) {
      throw std::runtime_error(file + " is not named by segments ls");
    }
  }
  return files.size();
}

void remove_what_can_be_removed(const Surroundings& here) {
  for (const auto& ring : rings_of(here)) {
    ring::remove_ring(ring.place);
  }
  std::string left;
  for (const auto& file : files_of(here)) {
    left += " " + file;
  }
  if (!left.empty()) {
    throw std::runtime_error("still there:" + left);
  }
}

} // namespace ringfleet::test
