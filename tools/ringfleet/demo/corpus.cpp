#include "corpus.hpp"

#include "../exit_code.hpp"
#include "../output.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::cli::demo {
namespace {

namespace fs = std::filesystem;

// More names than any machine has headers; a walk over a whole file system must end some time.
constexpr std::size_t files_max = 1'000'000;

class Walk {
public:
  explicit Walk(Corpus& corpus) : corpus_(corpus) {}

  void run() {
    waiting_.push_back(corpus_.directory);
    while (!waiting_.empty() && corpus_.files.size() < files_max) {
      const auto directory = std::move(waiting_.back());
      waiting_.pop_back();
      enter(directory);
    }
  }

private:
  void enter(const std::string& directory) {
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    bool empty = true;
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      empty = false;
      look_at(entries->path().string());
    }
    if (error) {
      corpus_.skipped.add(Skip::unreadable, directory);
    } else if (empty && directory != corpus_.directory) {
      corpus_.skipped.add(Skip::empty_directory, directory);
    }
  }

  void look_at(const std::string& path) {
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) {
      corpus_.skipped.add(Skip::unreadable, path);
    } else if (S_ISLNK(status.st_mode)) {
      corpus_.skipped.add(Skip::link, path);
    } else if (S_ISDIR(status.st_mode)) {
      waiting_.push_back(path);
    } else if (!S_ISREG(status.st_mode)) {
      corpus_.skipped.add(Skip::special_file, path);
    } else if (status.st_size == 0) {
      corpus_.skipped.add(Skip::empty_file, path);
    } else if (faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) {
      corpus_.skipped.add(Skip::unreadable, path);
    } else {
      corpus_.files.push_back(path);
    }
  }

  Corpus& corpus_;
  std::vector<std::string> waiting_;
};

[[noreturn]] void refuse(const std::string& directory, std::string_view why) {
  throw Failure(ExitCode::usage, fmt::format("demo directory '{}': {} (name a directory with files, for example "
                                             "'ringfleet demo /usr/include')",
                                             one_line(directory), why));
}

} // namespace

std::string_view text_of(Skip reason) noexcept {
  switch (reason) {
  case Skip::unreadable: return "unreadable";
  case Skip::vanished: return "vanished meanwhile";
  case Skip::link: return "link";
  case Skip::empty_file: return "empty file";
  case Skip::empty_directory: return "empty directory";
  case Skip::special_file: return "special file";
  }
  return "other";
}

void Skipped::add(Skip reason, std::string name) {
  auto& names = reasons_[reason];
  ++names.count;
  if (names.first.size() < names_shown) {
    names.first.push_back(std::move(name));
  }
}

void Skipped::add(const Skipped& other) {
  for (const auto& [reason, theirs] : other.reasons_) {
    auto& ours = reasons_[reason];
    ours.count += theirs.count;
    for (std::size_t i = 0; i < theirs.first.size() && ours.first.size() < names_shown; ++i) {
      ours.first.push_back(theirs.first[i]);
    }
  }
}

std::uint64_t Skipped::count() const noexcept {
  return std::accumulate(reasons_.begin(), reasons_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second.count; });
}

std::vector<std::string> Skipped::lines() const {
  std::vector<std::string> lines;
  for (const auto& [reason, names] : reasons_) {
    std::string line = fmt::format("skipped {} ({}): ", grouped(names.count), text_of(reason));
    for (std::size_t i = 0; i < names.first.size(); ++i) {
      line += (i == 0 ? "" : ", ") + one_line(names.first[i]);
    }
    const auto more = names.count - names.first.size();
    lines.push_back(more == 0 ? line : fmt::format("{} and {} more", line, grouped(more)));
  }
  return lines;
}

Corpus scan(const std::string& directory) {
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) {
    refuse(directory, errno == ENOENT ? "it does not exist" : std::generic_category().message(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    refuse(directory, "it is not a directory");
  }
  if (faccessat(AT_FDCWD, directory.c_str(), R_OK | X_OK, AT_EACCESS) != 0) {
    refuse(directory, std::generic_category().message(errno));
  }
  Corpus corpus;
  corpus.directory = directory;
  Walk(corpus).run();
  std::ranges::sort(corpus.files);
  if (corpus.files.empty()) {
    refuse(directory, "no readable regular file with content is in it");
  }
  return corpus;
}

} // namespace ringfleet::cli::demo
