#pragma once

// The files that the demo works on: every regular file with content below a directory. What is left out is remembered
// by reason and name, because a demo that quietly skips things proves nothing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::cli::demo {

enum class Skip { unreadable, vanished, link, empty_file, empty_directory, special_file };

[[nodiscard]] std::string_view text_of(Skip reason) noexcept;

// Counts all, names the first few of each reason.
class Skipped {
public:
  void add(Skip reason, std::string name);
  void add(const Skipped& other);
  [[nodiscard]] std::uint64_t count() const noexcept;
  // One line a reason: "29 links: a, b, c and 26 more"; none when nothing was skipped.
  [[nodiscard]] std::vector<std::string> lines() const;

private:
  static constexpr std::size_t names_shown = 4;
  struct Names {
    std::uint64_t count = 0;
    std::vector<std::string> first;
  };
  std::map<Skip, Names> reasons_;
};

struct Corpus {
  std::string directory;
  std::vector<std::string> files; // full paths, sorted
  Skipped skipped;
};

// Reads names and sizes, no content; does not follow links (the directory itself may be one). Throws Failure(usage)
// when the directory does not exist, is none, cannot be read, or has no file to work on.
[[nodiscard]] Corpus scan(const std::string& directory);

} // namespace ringfleet::cli::demo
