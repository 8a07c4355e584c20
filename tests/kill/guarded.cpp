// The memory of whoever is attacked, and the words in it that the hostile side owns.

#include "flip.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <new>

#include <sys/mman.h>

namespace ringfleet::kill {

Guarded::Guarded(std::size_t bytes) {
  const auto inside = round_up<std::size_t>(bytes, page_bytes);
  mapped_bytes_ = inside + 2 * page_bytes;
  void* const mapped = ::mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::bad_alloc();
  }
  mapped_ = static_cast<std::byte*>(mapped);
  ::mprotect(mapped_ + page_bytes, inside, PROT_READ | PROT_WRITE);
  bytes_ = {mapped_ + page_bytes + inside - round_up<std::size_t>(bytes, cache_line_bytes), bytes};
}
Guarded::~Guarded() {
  ::munmap(mapped_, mapped_bytes_);
}
bool Guarded::holds(std::span<const std::byte> part) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes_.data());
  const auto at = reinterpret_cast<std::uintptr_t>(part.data());
  return at >= begin && at - begin <= bytes_.size() && part.size() <= bytes_.size() - (at - begin);
}

std::uint64_t Field::load() const {
  return bytes == 8 ? Atomics::load_relaxed(*static_cast<std::uint64_t*>(word))
                    : Atomics::load_relaxed(*static_cast<std::uint32_t*>(word));
}
void Field::store(std::uint64_t value) const {
  if (bytes == 8) {
    Atomics::store_relaxed(*static_cast<std::uint64_t*>(word), value);
  } else {
    Atomics::store_relaxed(*static_cast<std::uint32_t*>(word), static_cast<std::uint32_t>(value));
  }
}

std::uint64_t touch(std::span<const std::byte> bytes) {
  std::uint64_t sum = bytes.empty() ? 0 : static_cast<std::uint64_t>(bytes.back());
  for (std::size_t i = 0; i < bytes.size(); i += cache_line_bytes) {
    sum = sum * 31 + static_cast<std::uint64_t>(bytes[i]);
  }
  return sum;
}

} // namespace ringfleet::kill
