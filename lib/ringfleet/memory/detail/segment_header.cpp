#include "ringfleet/memory/detail/segment_header.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/boot_id.hpp"
#include "ringfleet/os/process.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace ringfleet::memory::detail {
namespace {

std::uint64_t checksum_of(const SegmentHeader& header) noexcept {
  std::array<unsigned char, offsetof(SegmentHeader, checksum)> bytes{};
  std::memcpy(bytes.data(), &header, bytes.size());
  std::uint64_t sum = 0xcbf2'9ce4'8422'2325;
  for (const unsigned char byte : bytes) {
    sum = (sum ^ byte) * 0x100'0000'01b3;
  }
  return sum;
}

template <typename T>
void require(bool holds, std::string_view label, const char* field, T is, T wanted) {
  if (!holds) {
    throw Error(ErrorCode::bad_segment, fmt::format("segment '{}': {} is {}, expected {}", label, field, is, wanted));
  }
}

std::string kind_text(std::uint32_t kind) {
  return fmt::format("{} ({})", to_string(static_cast<SegmentKind>(kind)), kind);
}

} // namespace

SegmentHeader make_header(const SegmentSpec& spec) {
  const auto creator = os::own_identity();
  SegmentHeader header{};
  header.magic = segment_magic;
  header.layout_version = segment_layout_version;
  header.kind = static_cast<std::uint32_t>(spec.kind);
  header.body_bytes = spec.body_bytes;
  header.generation = spec.generation;
  std::copy(own_boot_id().begin(), own_boot_id().end(), header.boot_id);
  header.creator_pid = static_cast<std::uint32_t>(creator.pid);
  header.header_bytes = segment_body_offset;
  header.creator_start_ticks = creator.start_time_ticks;
  header.fingerprint = spec.fingerprint;
  header.checksum = checksum_of(header);
  return header;
}

void check_header(const SegmentHeader& header, const Expectation& expected, std::string_view label) {
  require(header.magic == segment_magic, label, "magic", fmt::format("{:#018x}", header.magic),
          fmt::format("{:#018x}", segment_magic));
  if (header.layout_version != segment_layout_version) {
    throw Error(ErrorCode::version_mismatch,
                fmt::format("segment '{}': layout version is {}, expected {}", label, header.layout_version,
                            segment_layout_version),
                header.layout_version == 0 ? "its creator died before it was complete"
                                           : "use the same version of ringfleet on both sides");
  }
  const auto kind = static_cast<std::uint32_t>(expected.kind);
  require(header.kind == kind, label, "kind", kind_text(header.kind), kind_text(kind));
  require<std::uint64_t>(header.header_bytes == segment_body_offset, label, "header size", header.header_bytes,
                         segment_body_offset);
  if (header.body_bytes < expected.body_bytes_min) {
    throw Error(ErrorCode::bad_segment, fmt::format("segment '{}': body size is {}, expected at least {}", label,
                                                    header.body_bytes, expected.body_bytes_min));
  }
  if (!expected.any_boot && !std::equal(own_boot_id().begin(), own_boot_id().end(), header.boot_id)) {
    throw Error(ErrorCode::bad_segment,
                fmt::format("segment '{}': boot id is not that of this boot: its creator is long gone", label),
                "remove it");
  }
  require(header.fingerprint == expected.fingerprint, label, "schema fingerprint",
          fmt::format("{:#018x}", header.fingerprint), fmt::format("{:#018x}", expected.fingerprint));
  if (expected.generation) {
    require(header.generation == *expected.generation, label, "generation", header.generation, *expected.generation);
  }
  require(header.checksum == checksum_of(header), label, "checksum", fmt::format("{:#018x}", header.checksum),
          fmt::format("{:#018x}", checksum_of(header)));
}

} // namespace ringfleet::memory::detail
