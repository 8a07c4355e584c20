#pragma once

// The codec of types with a cereal `serialize` (or load and save), in the format of cereal's binary archive. A type
// chooses it in one line:
//
//   template <>
//   struct ringfleet::codec::Codec<Order> : ringfleet::codec::CerealCodec<Order> {};
//
// The archives are ours, over a span, and know what cereal's do not: how many bytes are left. A length that cannot be
// ends the message before memory is asked for. Smart pointers to shared objects are as trusting here as in cereal:
// leave them out of messages from a process you do not trust.
//
// Whoever includes this needs cereal's headers (libcereal-dev).

#include "ringfleet/codec/codec.hpp"

#include <cereal/cereal.hpp>

#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <type_traits>

namespace ringfleet::codec {

// Writes into the span, or only counts. Throws cereal::Exception when the span is full.
class SpanOutputArchive : public cereal::OutputArchive<SpanOutputArchive, cereal::AllowEmptyClassElision> {
public:
  explicit SpanOutputArchive(std::span<std::byte> out) : OutputArchive(this), out_(out) {}
  struct CountOnly {};
  explicit SpanOutputArchive(CountOnly) : OutputArchive(this), counts_only_(true) {}

  void put(const void* data, std::size_t bytes) {
    if (!counts_only_ && bytes != 0) {
      if (bytes > out_.size() - used_) {
        throw cereal::Exception("the span is full");
      }
      std::memcpy(out_.data() + used_, data, bytes);
    }
    used_ += bytes;
  }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

private:
  std::span<std::byte> out_;
  std::size_t used_ = 0;
  bool counts_only_ = false;
};

// Reads from the span. Throws cereal::Exception for anything that is not a message.
class SpanInputArchive : public cereal::InputArchive<SpanInputArchive, cereal::AllowEmptyClassElision> {
public:
  explicit SpanInputArchive(std::span<const std::byte> in) : InputArchive(this), in_(in) {}

  void get(void* data, std::size_t bytes) {
    if (bytes > in_.size()) {
      throw cereal::Exception("the message ends too early");
    }
    if (bytes != 0) {
      std::memcpy(data, in_.data(), bytes);
      in_ = in_.subspan(bytes);
    }
  }
  // The length of a container; each element takes a byte at least.
  void check_length(std::uint64_t length) const {
    if (length > in_.size()) {
      throw cereal::Exception("a container longer than its message");
    }
  }
  [[nodiscard]] std::size_t left() const noexcept { return in_.size(); }

  // Objects in objects: a message must not be able to use up the stack.
  void enter() {
    if (++depth_ > depth_max) {
      throw cereal::Exception("objects nested too deeply");
    }
  }
  void leave() noexcept { --depth_; }
  static constexpr unsigned depth_max = 256;

private:
  std::span<const std::byte> in_;
  unsigned depth_ = 0;
};

// NOLINTBEGIN(readability-identifier-naming): names that cereal looks up.
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(SpanOutputArchive& archive, const T& value) {
  archive.put(&value, sizeof(value));
}
template <class T>
  requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(SpanInputArchive& archive, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    unsigned char byte = 0;
    archive.get(&byte, sizeof(byte));
    if (byte > 1) {
      throw cereal::Exception("a bool that is neither true nor false");
    }
    value = byte != 0;
  } else {
    archive.get(&value, sizeof(value));
  }
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(SpanOutputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(SpanInputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(SpanOutputArchive& archive, cereal::SizeTag<T>& tag) {
  archive(tag.size);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(SpanInputArchive& archive, cereal::SizeTag<T>& tag) {
  archive(tag.size);
  archive.check_length(static_cast<std::uint64_t>(tag.size));
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(SpanOutputArchive& archive, const cereal::BinaryData<T>& data) {
  archive.put(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(SpanInputArchive& archive, cereal::BinaryData<T>& data) {
  archive.get(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void prologue(SpanInputArchive& archive, const T&) {
  if constexpr (std::is_class_v<T>) {
    archive.enter();
  }
}
template <class T>
void epilogue(SpanInputArchive& archive, const T&) {
  if constexpr (std::is_class_v<T>) {
    archive.leave();
  }
}
// NOLINTEND(readability-identifier-naming)

template <class T>
struct CerealCodec {
  static_assert(cereal::traits::is_output_serializable<T, SpanOutputArchive>::value &&
                    cereal::traits::is_input_serializable<T, SpanInputArchive>::value,
                "a cereal message needs a serialize function (or load and save), and includes such as "
                "<cereal/types/vector.hpp> for its members");

  using Value = T;

  // Exact: a pass that counts. What the type's own functions throw comes out of bound() and encode().
  [[nodiscard]] static std::size_t bound(const T& value) {
    SpanOutputArchive archive(SpanOutputArchive::CountOnly{});
    archive(value);
    return archive.used();
  }

  [[nodiscard]] static Encoded encode(const T& value, std::span<std::byte> out) {
    try {
      SpanOutputArchive archive(out);
      archive(value);
      return out.first(archive.used());
    } catch (const cereal::Exception&) {
      return std::nullopt;
    }
  }

  [[nodiscard]] static bool decode(std::span<const std::byte> in, T& into) noexcept {
    try {
      SpanInputArchive archive(in);
      archive(into);
      return archive.left() == 0;
    } catch (...) { // of cereal, of the type's own functions, or for want of memory
      return false;
    }
  }

  [[nodiscard]] static constexpr Fingerprint fingerprint() noexcept {
    return FingerprintMaker().add("cereal").add(schema_name<T>()).value();
  }
};

} // namespace ringfleet::codec

CEREAL_REGISTER_ARCHIVE(ringfleet::codec::SpanOutputArchive)
CEREAL_REGISTER_ARCHIVE(ringfleet::codec::SpanInputArchive)
CEREAL_SETUP_ARCHIVE_TRAITS(ringfleet::codec::SpanInputArchive, ringfleet::codec::SpanOutputArchive)
