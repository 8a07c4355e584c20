#pragma once

// Copies word by word through the atomics policy: for bytes that another process may be overwriting. A copy may be
// torn between words; whoever makes it checks afterwards whether the original was left alone (lossy_sequencer.hpp). The
// stores are for a writer that wants its race with such a copy to be one of atomics.

#include "ringfleet/base/atomics.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringfleet::ring {

// What can be copied so: pad a smaller or odd-sized element to whole words.
template <class T>
concept WordCopyable = std::is_trivially_copyable_v<T> && alignof(T) >= 4 && sizeof(T) % 4 == 0;

template <WordCopyable T>
using WordOf = std::conditional_t<alignof(T) % 8 == 0 && sizeof(T) % 8 == 0, std::uint64_t, std::uint32_t>;

template <class A = Atomics, WordCopyable T>
[[nodiscard]] T load_words(const T& from) noexcept {
  std::array<WordOf<T>, sizeof(T) / sizeof(WordOf<T>)> words;
  const auto* source = reinterpret_cast<const WordOf<T>*>(&from);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = A::load_relaxed(source[i]);
  }
  return std::bit_cast<T>(words);
}

template <class A = Atomics, WordCopyable T>
void store_words(T& to, const T& value) noexcept {
  const auto words = std::bit_cast<std::array<WordOf<T>, sizeof(T) / sizeof(WordOf<T>)>>(value);
  auto* target = reinterpret_cast<WordOf<T>*>(&to);
  for (std::size_t i = 0; i < words.size(); ++i) {
    A::store_relaxed(target[i], words[i]);
  }
}

} // namespace ringfleet::ring
