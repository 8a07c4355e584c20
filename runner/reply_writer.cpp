#include "reply_writer.hpp"

#include "ringfleet/base/limits.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace ringfleet::runner {

static_assert(std::is_standard_layout_v<ringfleet_reply>);

ReplyWriter& ReplyWriter::of(ringfleet_reply* reply) noexcept {
  return *reinterpret_cast<ReplyWriter*>(reply);
}

ReplyWriter::ReplyWriter(ReplyMemory& memory) noexcept
    : interface_{
          .struct_bytes = sizeof(ringfleet_reply),
          .reserved = 0,
          .reserve = [](ringfleet_reply* reply, std::uint64_t bytes) -> void* {
            ReplyWriter& writer = of(reply);
            const auto room = writer.reserve(bytes);
            return writer.failure_ == CallStatus::ok ? room.data() : nullptr;
          },
          .set_length = [](ringfleet_reply* reply, std::uint64_t bytes) -> int {
            return of(reply).set_length(bytes) ? RINGFLEET_OK : RINGFLEET_ERROR;
          },
          .write = [](ringfleet_reply* reply, const void* data, std::uint64_t bytes) -> int {
            return of(reply).write({static_cast<const std::byte*>(data), bytes}) ? RINGFLEET_OK : RINGFLEET_ERROR;
          },
          .length = [](const ringfleet_reply* reply) -> std::uint64_t {
            return of(const_cast<ringfleet_reply*>(reply)).length_;
          },
      },
      memory_(memory), room_(memory.first()) {}

std::span<std::byte> ReplyWriter::reserve(std::uint64_t bytes) {
  if (bytes > room_.size()) {
    if (bytes > limits::payload_bytes_max) {
      failure_ = CallStatus::too_large;
      return {};
    }
    const auto larger = memory_.obtain(bytes, length_);
    if (larger.empty()) {
      failure_ = CallStatus::no_space;
      return {};
    }
    room_ = larger;
  }
  return room_;
}

bool ReplyWriter::set_length(std::uint64_t bytes) noexcept {
  if (bytes > room_.size()) {
    return false;
  }
  length_ = bytes;
  return true;
}

bool ReplyWriter::write(std::span<const std::byte> bytes) {
  if (bytes.size() > room_.size() - length_) {
    // Doubling keeps many small appends linear; where twice is not to be had, exactly what is needed may still be.
    const std::uint64_t needed = length_ + bytes.size();
    const std::uint64_t doubled = std::min<std::uint64_t>(2 * room_.size(), limits::payload_bytes_max);
    if (doubled > needed) {
      const auto larger = memory_.obtain(doubled, length_);
      room_ = larger.empty() ? room_ : larger;
    }
    if (needed > room_.size() && reserve(needed).empty()) {
      return false;
    }
  }
  if (!bytes.empty()) {
    std::memmove(room_.data() + length_, bytes.data(), bytes.size());
    length_ += bytes.size();
  }
  return true;
}

} // namespace ringfleet::runner
