#pragma once

// One holder per name: a lock on an open file description, exclusive or shared by several. It ends with its holder,
// however that dies. The file itself is never removed (removing it would let two holders lock two files of one name).
// The lock survives in every copy of the descriptor, therefore it is never passed to anybody, closed on exec and closed
// in forked children.

#include "ringfleet/os/fork.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ringfleet::os {

class FileLock {
public:
  enum class State : std::uint8_t { absent, free, held };

  // Never blocks; empty when somebody else holds it. The file comes into being with `mode`; a link in its place is
  // refused. `note` (e.g. the pid of the holder) is left in the file for people and error texts.
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::string& path, std::string_view note = {},
                                                           std::uint32_t mode = 0600);
  // The same, beside other sharers; empty while somebody holds it exclusively. Leaves no note.
  [[nodiscard]] static std::optional<FileLock> try_share(const std::string& path, std::uint32_t mode = 0600);
  // Exclusive becomes shared in one step, without a moment in which nobody holds it. Then the note is written again, so
  // that whoever watches the file learns of it.
  void share(std::string_view note = {});
  // False when somebody has removed the file since, or put another in its place: who comes next will not see this lock.
  [[nodiscard]] bool is_in_place() const;

  // Takes no lock and leaves no trace. The answer may be outdated when it arrives.
  [[nodiscard]] static State state_hint(const std::string& path);
  // Somebody holds it alone.
  [[nodiscard]] static bool is_exclusive_hint(const std::string& path);
  // What the latest holder left in the file; empty when there is none.
  [[nodiscard]] static std::string note_hint(const std::string& path);

private:
  FileLock(Lease lease, std::string path) noexcept : lease_(std::move(lease)), path_(std::move(path)) {}
  void leave_note(std::string_view note) const;

  Lease lease_;
  std::string path_;
};

} // namespace ringfleet::os
