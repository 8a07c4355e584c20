#pragma once

// Fragments put together in buffers of the reader. The buffers are allocated once. A message comes out whole or not at
// all: whatever contradicts its first fragment ends it.

#include "ringfleet/frame/record.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ringfleet::frame {

enum class AssemblyResult : std::uint8_t {
  taken,    // more to come
  complete, // message() is whole
  ignored,  // of a message whose beginning was not seen, or was given up
  refused,  // fault() says why; the message is given up
  no_buffer // every buffer holds a message that has not been released
};

// Not thread-safe.
class Reassembler {
public:
  // Takes messages of up to `max_message` bytes, `assemblies` at a time: one where the ring has one producer, more
  // where several interleave.
  Reassembler(std::uint64_t max_message, std::uint32_t assemblies);

  // A fragment whose record has passed check_record(). `data` is copied once.
  [[nodiscard]] AssemblyResult feed(const RecordHeader& record, const FragmentHeader& fragment,
                                    std::span<const std::byte> data) noexcept;
  // What came of this message is void.
  void abort(std::uint64_t message) noexcept;

  // The reader has missed something: what has been begun is given up.
  void abort_all() noexcept;

  // After `complete`, until released: the message, its user kind and its id.
  [[nodiscard]] std::span<const std::byte> message() const noexcept;
  [[nodiscard]] std::uint16_t kind() const noexcept { return assemblies_[complete_].kind; }
  [[nodiscard]] std::uint64_t id() const noexcept { return assemblies_[complete_].message; }
  // A complete message is not looked at any more. Unknown ids are ignored.
  void release(std::uint64_t message) noexcept;

  [[nodiscard]] RecordFault fault() const noexcept { return fault_; }
  // Messages that were begun and will not be delivered.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

private:
  enum class State : std::uint8_t { unused, filling, complete };
  struct Assembly {
    std::unique_ptr<std::byte[]> bytes;
    std::uint64_t message = 0;
    std::uint64_t total = 0;
    std::uint64_t filled = 0;
    std::uint16_t kind = 0;
    State state = State::unused;
  };

  [[nodiscard]] Assembly* find(std::uint64_t message, State state) noexcept;
  [[nodiscard]] Assembly* begin(const FragmentHeader& fragment) noexcept;
  [[nodiscard]] AssemblyResult refuse(Assembly* assembly, RecordFault fault) noexcept;

  std::uint64_t max_message_;
  std::vector<Assembly> assemblies_;
  std::size_t complete_ = 0;
  std::uint64_t dropped_ = 0;
  RecordFault fault_ = RecordFault::none;
};

} // namespace ringfleet::frame
