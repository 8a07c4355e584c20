#pragma once

// The artifact store: module files by content. A file is read once, checked, hashed with SHA-256 and copied into a
// sealed memory file; runners load that copy. Whatever happens to the file afterwards has no effect on the fleet, and
// the same bytes are the same artifact, from whichever path they came. The store never runs any of them.

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace ringfleet::fleet {

class Artifact {
public:
  // 64 lower-case hex digits.
  [[nodiscard]] const std::string& sha256() const noexcept { return sha256_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  // Of the ingest that brought these bytes first.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Absolute, of that path: where the module's private libraries lie.
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  // An executable memory file with all seals; remains the artifact's, duplicate or send it.
  [[nodiscard]] int descriptor() const noexcept { return image_.get(); }

private:
  friend class ArtifactStore;

  std::string sha256_;
  std::uint64_t size_bytes_ = 0;
  std::string path_;
  std::string directory_;
  os::Descriptor image_;
};

using ArtifactHandle = std::shared_ptr<const Artifact>;

// Any thread may call anything. An artifact lives as long as somebody holds a handle; the store itself holds none.
class ArtifactStore {
public:
  // Reads the file. Throws Error: not_found, no_permission, invalid_argument (a directory, not a regular file),
  // limit_reached (too large), bad_module (empty, not ELF, wrong machine, truncated, …), no_memory, no_descriptors.
  [[nodiscard]] ArtifactHandle ingest(const std::string& path);

  // The live artifact whose hash begins like this: "sha256:" and 8 to 64 hex digits, or the digits alone. Throws
  // Error: invalid_argument for anything else or when several match, not_found when none does.
  [[nodiscard]] ArtifactHandle find(std::string_view hash) const;

  // Live artifacts.
  [[nodiscard]] std::size_t size() const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const Artifact>, std::less<>> artifacts_; // by hash
};

} // namespace ringfleet::fleet
