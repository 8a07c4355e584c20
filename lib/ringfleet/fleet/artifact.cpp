#include "ringfleet/fleet/artifact.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/elf_image.hpp"
#include "ringfleet/fleet/module_reference.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <array>
#include <filesystem>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace ringfleet::fleet {
namespace {

std::string sha256_of(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int digest_bytes = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &digest_bytes, EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorCode::system, "libcrypto cannot compute SHA-256", "check the OpenSSL configuration");
  }
  std::string hex;
  for (unsigned int index = 0; index < digest_bytes; ++index) {
    hex += fmt::format("{:02x}", digest[index]);
  }
  return hex;
}

os::Descriptor sealed_copy(std::span<const std::byte> bytes, const std::string& path) {
  const std::string label = std::filesystem::path(path).filename().string().substr(0, limits::name_bytes_max);
  os::Descriptor image = os::create_executable_memory_file(label, bytes.size());
  os::write_at(image.get(), bytes, 0, path);
  os::seal_immutable(image.get(), path);
  return image;
}

} // namespace

ArtifactHandle ArtifactStore::ingest(const std::string& path) {
  const std::vector<std::byte> bytes = os::read_file(path, limits::artifact_bytes_max, "module file");
  check_elf_image(bytes, path);
  std::string sha256 = sha256_of(bytes);

  const std::lock_guard lock(mutex_);
  std::erase_if(artifacts_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const Artifact>& known = artifacts_[sha256];
  if (ArtifactHandle artifact = known.lock()) {
    return artifact;
  }
  const auto artifact = std::make_shared<Artifact>();
  artifact->size_bytes_ = bytes.size();
  artifact->path_ = path;
  artifact->directory_ = std::filesystem::absolute(path).lexically_normal().parent_path().string();
  artifact->image_ = sealed_copy(bytes, path);
  artifact->sha256_ = std::move(sha256);
  known = artifact;
  return artifact;
}

ArtifactHandle ArtifactStore::find(std::string_view hash) const {
  if (const std::string problem = hash_reference_problem(hash); !problem.empty()) {
    throw Error(ErrorCode::invalid_argument, problem, "give \"sha256:\" and the first digits of a stored artifact");
  }
  const std::string_view digits = is_hash_reference(hash) ? hash.substr(hash.find(':') + 1) : hash;
  ArtifactHandle found;
  const std::lock_guard lock(mutex_);
  for (auto entry = artifacts_.lower_bound(digits); entry != artifacts_.end() && entry->first.starts_with(digits);
       ++entry) {
    if (ArtifactHandle artifact = entry->second.lock()) {
      if (found) {
        throw Error(ErrorCode::invalid_argument, fmt::format("\"{}\" fits several stored artifacts", hash),
                    "give more digits");
      }
      found = std::move(artifact);
    }
  }
  if (!found) {
    throw Error(ErrorCode::not_found, fmt::format("no stored artifact begins with \"{}\"", hash),
                "`ringfleet status` shows the hashes; an artifact is kept as long as a module uses it");
  }
  return found;
}

std::size_t ArtifactStore::size() const {
  const std::lock_guard lock(mutex_);
  std::size_t live = 0;
  for (const auto& [hash, artifact] : artifacts_) {
    live += artifact.expired() ? 0 : 1;
  }
  return live;
}

} // namespace ringfleet::fleet
