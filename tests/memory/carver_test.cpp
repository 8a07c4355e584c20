#include "../os/forked_child.hpp"
#include "ringfleet/memory/carver.hpp"

#include <array>
#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::memory;

namespace {
struct Line {
  std::uint64_t words[8];
};
alignas(4'096) std::array<std::byte, 4'096> body{};
} // namespace

TEST_CASE("carver: writer and reader arrive at the same places") {
  Carver writer{body};
  ConstCarver reader{std::span<const std::byte>(body)};
  const auto head = writer.take<std::uint32_t>(3);
  const auto lines = writer.take<Line>(4, 64);
  CHECK(reader.take<std::uint32_t>(3).data() == head.data());
  CHECK(reader.take<Line>(4, 64).data() == lines.data());
  CHECK(reinterpret_cast<std::byte*>(lines.data()) == body.data() + 64);
  CHECK(writer.offset() == 64 + 4 * sizeof(Line));
}

TEST_CASE("carver: takes the last byte and refuses one more, whatever the count claims") {
  Carver carver{body};
  CHECK(carver.take<Line>(63).size() == 63);
  CHECK(carver.take<std::byte>(64).size() == 64);
  CHECK(carver.take<std::byte>(0).empty());
  CHECK(test::error_of([&] { (void)carver.take<std::byte>(1); }) == ErrorCode::bad_segment);
  Carver again{body};
  (void)again.take<std::byte>(1);
  CHECK(test::error_of([&] { (void)again.take<Line>(std::numeric_limits<std::size_t>::max() / 8); }) ==
        ErrorCode::bad_segment);
  // As many bytes, modulo 2^64, as none at all.
  CHECK(test::error_of([&] { (void)again.take<Line>(std::numeric_limits<std::size_t>::max() / sizeof(Line) + 1); }) ==
        ErrorCode::bad_segment);
  CHECK(test::error_of([&] { (void)again.take<std::byte>(1, 8'192); }) == ErrorCode::bad_segment);
  CHECK(again.offset() == 1);
}
