#pragma once

// Where a ring's memory lies:
//
//   shm("ticks")        named POSIX shared memory: found by name, ends with the machine
//   file("/data/ticks") a file: found by path, survives the process and the reboot
//   anonymous("ticks")  no name: reached by descriptors that are passed on
//   heap()              threads of one process, tests
//
// A named ring is a family of files side by side: "ticks" (the ring itself), "ticks+members", "ticks+arena", and
// "ticks+lock". What ends in ".new" was not complete when its creator died.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::memory {

enum class Backing : std::uint8_t { shm, file, anonymous, heap };

[[nodiscard]] std::string_view to_string(Backing backing) noexcept;

class Place {
public:
  // Throws Error(invalid_argument) for a name that check_segment_name refuses; for a file that is its last component.
  // The directory of a file must exist when the ring is created.
  [[nodiscard]] static Place shm(std::string_view name);
  [[nodiscard]] static Place file(std::string_view path);
  // `label` appears in /proc/PID/maps and in error texts.
  [[nodiscard]] static Place anonymous(std::string_view label = "ring");
  [[nodiscard]] static Place heap(std::string_view label = "ring");

  [[nodiscard]] Backing backing() const noexcept { return backing_; }
  // Others find it by name.
  [[nodiscard]] bool is_named() const noexcept { return backing_ == Backing::shm || backing_ == Backing::file; }
  // As it was given: a name, a path or a label.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Backing and name, for error texts: "shm ring 'ticks'".
  [[nodiscard]] std::string text() const;

  // Only of a named place. `part` is empty for the ring itself.
  [[nodiscard]] std::string path(std::string_view part = {}) const;
  [[nodiscard]] std::string directory() const;

  friend bool operator==(const Place&, const Place&) = default;

private:
  Place(Backing backing, std::string_view name) : backing_(backing), name_(name) {}

  Backing backing_;
  std::string name_;
};

// Where the kernel keeps named shared memory.
inline constexpr std::string_view shm_directory = "/dev/shm";

// What a file in a directory of ours is, by its name alone.
struct FileName {
  std::string name;        // of the ring
  std::string part;        // empty: the ring itself
  bool unfinished = false; // its creator died before it was complete, or is at work
};

// The reverse of Place::path for the last component of a path; empty when it is no name of ours. `backing`: shm or
// file.
[[nodiscard]] std::optional<FileName> parse_file_name(Backing backing, std::string_view file_name);

} // namespace ringfleet::memory
