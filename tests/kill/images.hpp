#pragma once

// Memory of a whole number of pages, and copies of it that are compared.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <fmt/format.h>

namespace ringfleet::kill {

using Image = std::vector<std::uint64_t>;

class Pages {
public:
  enum Whose : std::uint8_t { own, shared }; // shared: with every child that is forked from here on

  Pages(std::size_t bytes, Whose whose) : words_((bytes + 7) / 8) {
    void* const mapped = ::mmap(nullptr, 8 * words_, PROT_READ | PROT_WRITE,
                                MAP_ANONYMOUS | (whose == shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
    if (mapped == MAP_FAILED) {
      throw std::bad_alloc();
    }
    memory_ = static_cast<std::byte*>(mapped);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() { ::munmap(memory_, 8 * words_); }

  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_, 8 * words_}; }
  [[nodiscard]] Image copy() const {
    Image image(words_);
    std::memcpy(image.data(), memory_, 8 * words_);
    return image;
  }
  void set(const Image& image) { std::memcpy(memory_, image.data(), 8 * words_); }
  [[nodiscard]] bool is(const Image& image) const { return std::memcmp(memory_, image.data(), 8 * words_) == 0; }

private:
  std::size_t words_;
  std::byte* memory_;
};

// Images are taken for equal when their hashes are: of a million different ones two are with a chance of 1 in 30
// million.
[[nodiscard]] inline std::uint64_t hash_of(const Image& image) {
  std::uint64_t hash = 0x9e37'79b9'7f4a'7c15;
  for (const auto word : image) {
    hash = (hash ^ word) * 0xff51'afd7'ed55'8ccd;
    hash ^= hash >> 32;
  }
  return hash;
}

// The words that differ, for a person.
[[nodiscard]] inline std::string difference(const Image& before, const Image& after) {
  constexpr int words_max = 24;
  std::string text;
  int shown = 0;
  for (std::size_t i = 0; i < before.size() && shown < words_max; ++i) {
    if (before[i] != after[i]) {
      text += fmt::format("    byte {}: {:#x} -> {:#x}\n", 8 * i, before[i], after[i]);
      ++shown;
    }
  }
  return text;
}

} // namespace ringfleet::kill
