#pragma once

// One holder per name: an exclusive lock on an open file description. It ends with its holder, however that dies. The
// file itself is never removed (removing it would let two holders lock two files of one name). The lock survives in
// every copy of the descriptor, therefore it is never passed to anybody and closed on exec.

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ringfleet::os {

class FileLock {
public:
  enum class State : std::uint8_t { absent, free, held };

  // Never blocks; empty when somebody else holds it. The file comes into being with mode 0600; a link in its place is
  // refused. `note` (e.g. the pid of the holder) is left in the file for people and error texts.
  [[nodiscard]] static std::optional<FileLock> try_acquire(const std::string& path, std::string_view note = {});

  // Takes no lock and leaves no trace. The answer may be outdated when it arrives.
  [[nodiscard]] static State state_hint(const std::string& path);
  // What the latest holder left in the file; empty when there is none.
  [[nodiscard]] static std::string note_hint(const std::string& path);

private:
  explicit FileLock(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

} // namespace ringfleet::os
