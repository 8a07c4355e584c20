#include "ringfleet/os/mapping.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/poison.hpp"
#include "ringfleet/os/memory_placement.hpp"

#include <cerrno>
#include <utility>

#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <fmt/format.h>

#include <sys/mman.h>

namespace ringfleet::os {
namespace {

namespace bip = boost::interprocess;

// What Boost's mapped_region asks of a mappable object, for a descriptor that came from elsewhere.
class MappableDescriptor {
public:
  MappableDescriptor(int fd, Access access) noexcept : fd_(fd), access_(access) {}
  [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const noexcept {
    return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
  }
  [[nodiscard]] bip::mode_t get_mode() const noexcept { return mode_of(access_); }
  [[nodiscard]] static bip::mode_t mode_of(Access access) noexcept {
    return access == Access::read_write ? bip::read_write : bip::read_only;
  }

private:
  int fd_;
  Access access_;
};

Error map_error(const std::string& what, int error) {
  return Error::from_errno(what, error,
                           error == EPERM    ? "it is sealed against new writers: a new incarnation needs a new segment"
                           : error == ENOMEM ? "raise the address space or mapping limits"
                                             : "");
}

} // namespace

struct Mapping::Region {
  bip::mapped_region region;
};

Mapping::Mapping() noexcept = default;
Mapping::~Mapping() {
  if (!home_.is_here()) {
    (void)region_.release();
  }
}

Mapping::Mapping(Mapping&& other) noexcept
    : region_(std::move(other.region_)), home_(other.home_), data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)), access_(other.access_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping taken(std::move(other));
  std::swap(region_, taken.region_);
  std::swap(home_, taken.home_);
  std::swap(data_, taken.data_);
  std::swap(size_bytes_, taken.size_bytes_);
  std::swap(access_, taken.access_);
  return *this;
}

Mapping::Mapping(std::unique_ptr<Region> region, Access access) noexcept
    : region_(std::move(region)), data_(static_cast<std::byte*>(region_->region.get_address())),
      size_bytes_(region_->region.get_size()), access_(access) {}

Mapping::Mapping(int fd, std::uint64_t size_bytes, Access access, std::string_view name,
                 const MappingOptions& options) {
  const std::string what =
      fmt::format("map '{}' {}", name, access == Access::read_write ? "for writing" : "for reading");
  if (size_bytes == 0) {
    throw Error(ErrorCode::invalid_argument, what + ": it is empty");
  }
  watch_forks();
  try {
    const MappableDescriptor mappable(fd, access);
    *this = Mapping(std::make_unique<Region>(Region{bip::mapped_region(mappable, MappableDescriptor::mode_of(access), 0,
                                                                       static_cast<std::size_t>(size_bytes))}),
                    access);
  } catch (const bip::interprocess_exception& error) {
    throw map_error(what, error.get_native_error());
  }
  if (::madvise(data_, size_bytes_, MADV_DONTFORK) != 0 || ::madvise(data_, size_bytes_, MADV_DONTDUMP) != 0) {
    throw Error::from_errno(what + " and keep it out of forked children", errno);
  }
  unpoison(bytes()); // a forked child inherits the poison of mappings that it has not got, and this may lie there
  place_memory(fd, bytes(), access == Access::read_write, options, name);
}

Mapping Mapping::heap(std::uint64_t size_bytes) {
  try {
    return Mapping(std::make_unique<Region>(Region{bip::anonymous_shared_memory(static_cast<std::size_t>(size_bytes))}),
                   Access::read_write);
  } catch (const bip::interprocess_exception& error) {
    throw map_error(fmt::format("map {} bytes of anonymous memory", size_bytes), error.get_native_error());
  }
}

std::span<std::byte> Mapping::writable_bytes() noexcept {
  RINGFLEET_ASSERT(access_ == Access::read_write || data_ == nullptr, "writing through a read-only mapping");
  return {data_, size_bytes_};
}

void Mapping::protect_none(std::size_t offset, std::size_t length_bytes) {
  RINGFLEET_ASSERT(offset % page_bytes == 0 && length_bytes % page_bytes == 0, "a guard consists of whole pages");
  RINGFLEET_ASSERT(offset <= size_bytes_ && length_bytes <= size_bytes_ - offset, "a guard lies inside its mapping");
  if (::mprotect(data_ + offset, length_bytes, PROT_NONE) != 0) {
    throw Error::from_errno(fmt::format("protect {} guard bytes at offset {}", length_bytes, offset), errno,
                            errno == ENOMEM ? "raise vm.max_map_count" : "");
  }
}

} // namespace ringfleet::os
