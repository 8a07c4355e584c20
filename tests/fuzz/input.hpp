#pragma once

// What a fuzz target is made of: an input that is taken apart from its front, wild writes that an input describes,
// memory that is exactly as long as it must be, and the properties that end the program when they do not hold.
//
// A target is one file with LLVMFuzzerTestOneInput() and seeds(). libFuzzer drives it in `./dev fuzz`, driver.cpp in
// every test run.

#include "../exact_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace ringfleet::fuzz {

using Bytes = std::vector<std::uint8_t>;

// Well-formed inputs of this target, made by the code under test.
[[nodiscard]] std::vector<Bytes> seeds();

// A property that was violated is a finding like a crash.
inline void require(bool holds, const char* what) {
  if (!holds) [[unlikely]] {
    std::fprintf(stderr, "violated: %s\n", what);
    std::fflush(stderr);
    std::abort();
  }
}

// When it is used up, everything is zero: every input is complete.
class Input {
public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(std::as_bytes(std::span(data, size))) {}

  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T take() {
    T value{};
    const auto part = take_bytes(sizeof(T));
    if (!part.empty()) {
      std::memcpy(&value, part.data(), part.size());
    }
    return value;
  }
  // Up to `count` bytes.
  [[nodiscard]] std::span<const std::byte> take_bytes(std::size_t count) {
    const auto part = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(part.size());
    return part;
  }
  [[nodiscard]] std::string_view take_text(std::size_t count) {
    const auto part = take_bytes(count);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  [[nodiscard]] std::span<const std::byte> rest() { return take_bytes(bytes_.size()); }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

private:
  std::span<const std::byte> bytes_;
};

// What a wild or hostile writer does to memory: one write that the input describes, aligned if it is a word, nearly
// right or anything at all. Nobody else may use the memory meanwhile.
inline void scribble(std::span<std::byte> memory, Input& input) {
  const auto how = input.take<std::uint8_t>();
  const auto at = std::size_t{input.take<std::uint16_t>()} * ((how & 0x80) != 0 ? 64 : 1);
  const auto word = [&](std::size_t bytes) {
    const auto rest = memory.subspan(at % memory.size() / bytes * bytes); // at the end it may be shorter than a word
    return rest.first(std::min(bytes, rest.size()));
  };
  const auto change = [&](auto value) {
    const auto place = word(sizeof value);
    if (place.size() == sizeof value) {
      decltype(value) now;
      std::memcpy(&now, place.data(), sizeof now);
      value = (how & 0x40) != 0 ? static_cast<decltype(value)>(now + value) : value;
      std::memcpy(place.data(), &value, sizeof value);
    }
  };
  switch (how % 6) {
  case 0: memory[at % memory.size()] ^= static_cast<std::byte>(input.take<std::uint8_t>() | 1); break;
  case 1: change(input.take<std::uint16_t>()); break;
  case 2: change(input.take<std::uint32_t>()); break;
  case 3: change(input.take<std::uint64_t>()); break;
  case 4: change(static_cast<std::uint64_t>(std::int64_t{input.take<std::int8_t>()})); break;
  default: {
    const auto bytes = input.take_bytes(input.take<std::uint8_t>());
    const auto place = memory.subspan(at % memory.size());
    std::copy_n(bytes.begin(), std::min(bytes.size(), place.size()), place.begin());
  }
  }
}

using ringfleet::test::ExactMemory;

[[nodiscard]] inline bool lies_in(std::span<const std::byte> part, std::span<const std::byte> whole) {
  const std::less_equal<const std::byte*> is_not_after;
  return part.empty() || (is_not_after(whole.data(), part.data()) &&
                          is_not_after(part.data() + part.size(), whole.data() + whole.size()));
}

// Reads every byte, so that AddressSanitizer and the kernel have their say.
inline void touch(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (const auto byte : bytes) {
    sum += std::to_integer<std::uint64_t>(byte);
  }
  require(sum <= 255 * std::uint64_t{bytes.size()}, "a sum of bytes");
}

// Puts an input together, piece by piece.
class InputMaker {
public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  InputMaker& add(const T& value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    return add_bytes(bytes);
  }
  InputMaker& add_bytes(std::span<const std::byte> bytes) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    made_.insert(made_.end(), data, data + bytes.size());
    return *this;
  }
  InputMaker& add_text(std::string_view text) { return add_bytes(std::as_bytes(std::span(text))); }
  [[nodiscard]] Bytes make() const { return made_; }

private:
  Bytes made_;
};

} // namespace ringfleet::fuzz
