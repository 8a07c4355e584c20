#pragma once

// A ring with many producers in plain memory, mapped once, so that ThreadSanitizer sees all sides.

#include "ring_fixture.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace ringfleet::ring::test {

inline bool nobody_is_dead(std::uint64_t /*identity*/) {
  return false;
}

template <class T>
class SharedTestRing {
public:
  explicit SharedTestRing(std::size_t capacity, std::uint64_t first_position = 0)
      : parts_(std::make_unique<Parts>()), descriptors_(capacity), slots_(capacity) {
    format_ring(memory(), first_position);
  }
  SharedRingMemory<T> memory() {
    return {parts_->shared, parts_->owners, descriptors_, parts_->evicted, parts_->joins, parts_->readers, slots_};
  }
  SharedRingLines lines() { return memory().lines(); }
  SharedProducer<T> producer(const BarrierOptions& options = parks) {
    return *SharedProducer<T>::join(memory(), ++identity_, nobody_is_dead, options);
  }
  SharedReader<T> reader(std::size_t line, const JoinOptions& join = {}, const BarrierOptions& options = parks) {
    return *SharedReader<T>::join(memory(), line, join, options);
  }
  SharedLossyReader<T> lossy(std::size_t line, const LossyOptions& lossy = {}, const BarrierOptions& options = parks) {
    return *SharedLossyReader<T>::join(memory(), line, lossy, options);
  }

private:
  struct Parts {
    SharedLines shared{};
    OwnerTable owners{};
    std::array<std::uint64_t, 4> evicted{};
    Sequence joins{};
    std::array<ReaderLines, 4> readers{};
  };
  std::unique_ptr<Parts> parts_;
  std::vector<std::uint64_t> descriptors_;
  std::vector<T> slots_;
  std::uint64_t identity_ = 0;
};

} // namespace ringfleet::ring::test
