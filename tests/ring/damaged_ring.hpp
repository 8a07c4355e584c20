#pragma once

// Rings whose owner is gone, with any of their bytes changed, and what an attach says of them.

#include "space_fixture.hpp"

#include "ringfleet/memory/segment_layout.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/ring/ring_space_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>

namespace ringfleet::ring::test {

inline constexpr std::size_t shape_offset = memory::segment_body_offset;

struct Attempt {
  ErrorCode code;
  std::string text;
};

inline Attempt attach(const memory::Place& place, const RingExpectation& expected = ticks()) {
  Attempt attempt{};
  attempt.code = error_of([&] { (void)RingSpace::attach(place, expected); }, &attempt.text);
  return attempt;
}

// A ring whose owner is gone, and its bytes, to be changed.
struct Damaged : ScratchRing {
  explicit Damaged(memory::Backing backing = memory::Backing::file) : ScratchRing(backing) {
    const auto owner = RingSpace::create(ticks_at(place()));
  }
  void write(std::uint64_t offset, std::span<const std::byte> bytes, std::string_view part = {}) const {
    const os::Descriptor file(::open(place().path(part).c_str(), O_RDWR | O_CLOEXEC));
    os::write_at(file.get(), bytes, offset, "test");
  }
  template <class T>
  void write(std::uint64_t offset, T value, std::string_view part = {}) const {
    write(offset, std::as_bytes(std::span(&value, 1)), part);
  }
  // The shape that another build would have written: changed, and with the checksum that belongs to it.
  template <class Change>
  void write_shape(Change change) const {
    RingShape shape{};
    {
      const os::Descriptor file(::open(place().path().c_str(), O_RDONLY | O_CLOEXEC));
      os::read_at(file.get(), std::as_writable_bytes(std::span(&shape, 1)), shape_offset, "test");
    }
    change(shape);
    shape.checksum = 0xcbf2'9ce4'8422'2325;
    for (const std::byte byte : std::as_bytes(std::span(&shape, 1)).first(offsetof(RingShape, checksum))) {
      shape.checksum = (shape.checksum ^ static_cast<std::uint64_t>(byte)) * 0x100'0000'01b3;
    }
    write(shape_offset, shape);
  }
};

} // namespace ringfleet::ring::test
