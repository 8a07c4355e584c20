#pragma once

// How a message is cut into fragments: arithmetic only. A fragment fills its blocks, except the last one.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/frame/record_layout.hpp"

#include <algorithm>
#include <cstdint>

namespace ringfleet::frame {

struct FragmentPart {
  RecordForm form;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint64_t blocks;
};

// Enough blocks, wherever they begin, for a message of `bytes` in records of at most `record_blocks`. The end of the
// ring cuts one fragment in two.
[[nodiscard]] constexpr std::uint64_t fragment_blocks(std::uint64_t bytes, std::uint64_t record_blocks) noexcept {
  const auto carried = record_blocks * block_bytes - fragment_overhead_bytes;
  const auto fragments = (bytes + carried - 1) / carried + 1;
  return (bytes + fragments * fragment_overhead_bytes + block_bytes - 1) / block_bytes;
}

class FragmentPlan {
public:
  explicit FragmentPlan(std::uint64_t total) noexcept : total_(total) {}

  [[nodiscard]] bool is_done() const noexcept { return offset_ == total_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // Blocks of the next fragment, if there are so many in a row.
  [[nodiscard]] std::uint64_t blocks_wanted(std::uint64_t record_blocks) const noexcept {
    const auto blocks = (total_ - offset_ + fragment_overhead_bytes + block_bytes - 1) / block_bytes;
    return std::min(blocks, record_blocks);
  }
  // The next fragment, in at most `blocks_max` blocks; at least one.
  [[nodiscard]] FragmentPart next(std::uint64_t blocks_max) noexcept {
    RINGFLEET_DEBUG_ASSERT(!is_done() && blocks_max != 0, "a fragment of nothing");
    const auto blocks = blocks_wanted(blocks_max);
    const auto bytes = std::min(total_ - offset_, blocks * block_bytes - fragment_overhead_bytes);
    const auto form = offset_ == 0                ? RecordForm::first
                      : offset_ + bytes == total_ ? RecordForm::last
                                                  : RecordForm::middle;
    const FragmentPart part{form, offset_, bytes, blocks};
    offset_ += bytes;
    return part;
  }

private:
  std::uint64_t total_;
  std::uint64_t offset_ = 0;
};

} // namespace ringfleet::frame
