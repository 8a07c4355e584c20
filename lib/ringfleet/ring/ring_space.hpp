#pragma once

// All memory of one ring behind one handle: the ring segment, the member table, and an arena where one is wanted. Layer
// 0 and the layers above work on the spans that this hands out and know nothing of segments.
//
//   create   makes the ring, or continues one that nobody owns; the caller owns it then: it is the one producer. Where
//            many produce, each creates: the first makes or continues the ring, the others join it
//   attach   a reader: ring and arena read-only, member table writable
//   await    the same, but waits until there is such a ring
//   share    another handle of the same memory, for threads of this process
//
// At most one owner is alive (or many, who share): it holds a lock on "NAME+lock" for its life. When it dies, the
// kernel frees the lock, the bytes stay, and whoever creates the ring again continues it under the next generation.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/owner_line.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/ring_spec.hpp"
#include "ringfleet/ring/shared_ring.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace ringfleet::ring {

namespace detail {
struct SpaceParts;
} // namespace detail

enum class SpaceRole : std::uint8_t {
  owner,   // writes everything
  reader,  // writes its line of the member table
  observer // writes nothing
};

struct MemberTable {
  std::span<MemberLine> lines;
  std::span<ReaderLines> readers;
  Sequence* joins = nullptr;
  std::uint64_t* grace_ns = nullptr;
};

// Any thread may call the const functions. Spans are valid as long as a handle of this memory lives in this process.
class RingSpace {
public:
  RingSpace() noexcept;
  RingSpace(RingSpace&&) noexcept;
  RingSpace& operator=(RingSpace&&) noexcept;
  // An owner's ownership ends: readers see that nobody produces any more. In a forked child nothing happens.
  ~RingSpace();

  // Blocks for as long as the memory takes to allocate. Throws Error:
  //   invalid_argument  the specification itself
  //   already_exists    somebody alive owns it; the text names its pid
  //   wrong_state       this machine cannot do what the options ask
  //   no_memory         no space: nothing is left behind
  //   bad_segment, version_mismatch   what is there cannot be continued; the text says why, and how to replace it
  //   no_permission     it belongs to somebody else
  [[nodiscard]] static RingSpace create(const RingSpec& spec);

  // Never blocks. Throws Error: not_found; bad_segment, version_mismatch, no_permission (the first thing that differs,
  // expected and found); wrong_state (another PID namespace; the ring is from an earlier boot and not continued yet).
  [[nodiscard]] static RingSpace attach(const memory::Place& place, const RingExpectation& expected,
                                        SpaceRole role = SpaceRole::reader);

  // Waits for a ring that is not there yet, and, with `for_owner`, until somebody alive owns it. Otherwise as attach.
  // Throws Error(timed_out) naming what it was waiting for.
  [[nodiscard]] static RingSpace await(const memory::Place& place, const RingExpectation& expected,
                                       MonotonicNs deadline, bool for_owner = false,
                                       SpaceRole role = SpaceRole::reader);

  // For a ring without a name: what another process needs to attach, in this order: ring, members, arena if there is
  // one. The owner's process only.
  [[nodiscard]] std::vector<os::Descriptor> descriptors() const;
  [[nodiscard]] static RingSpace attach(std::vector<os::Descriptor> descriptors, const RingExpectation& expected,
                                        std::string_view label, SpaceRole role = SpaceRole::reader);

  // A reader of the same mapping, for a thread of this process.
  [[nodiscard]] RingSpace share() const;

  [[nodiscard]] explicit operator bool() const noexcept { return parts_ != nullptr; }
  [[nodiscard]] SpaceRole role() const noexcept { return role_; }
  [[nodiscard]] const memory::Place& place() const noexcept;
  [[nodiscard]] const RingFacts& facts() const noexcept;

  // What sequencers work on. For readers the producer's side is mapped read-only: writing there is a fault.
  [[nodiscard]] RingLines lines() const;
  [[nodiscard]] MemberTable members() const;
  [[nodiscard]] std::span<std::byte> units() const;
  // `number`: from 1 to facts().arenas. Written by the producer only; where many produce, by the one that has taken it
  // (shared_lenders.hpp). Empty where there is no such arena.
  [[nodiscard]] std::span<std::byte> arena(std::uint32_t number = 1) const;
  // Where many produce: who lends from which arena; the first word is that of number 1.
  [[nodiscard]] std::span<std::uint64_t> lenders() const;

  // Layer 0. sizeof(T) must be the ring's unit: an assertion, because attach has checked it.
  template <class T>
  [[nodiscard]] RingMemory<T> memory() const {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= page_bytes);
    const auto all = lines();
    const auto bytes = units_of(sizeof(T));
    return {*all.producer, all.evicted, *all.joins, all.readers, {reinterpret_cast<T*>(bytes.data()), all.capacity}};
  }

  // The same for a ring with many producers.
  [[nodiscard]] SharedRingLines shared_lines() const;
  template <class T>
  [[nodiscard]] SharedRingMemory<T> shared_memory() const {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= page_bytes);
    const auto all = shared_lines();
    const auto bytes = units_of(sizeof(T));
    return {*all.shared,
            *all.owners,
            all.descriptors,
            all.evicted,
            *all.joins,
            all.readers,
            {reinterpret_cast<T*>(bytes.data()), all.descriptors.size()}};
  }

  // Who produces; a consistent copy of the owner line. Never blocks longer than the owner takes to write six words; an
  // owner that died while it wrote them counts as absent.
  [[nodiscard]] Owner owner() const noexcept;
  // The word of it: changes with every change of the owner. Readers sleep on its low half.
  [[nodiscard]] const std::uint64_t& owner_word() const noexcept;

  // In which boot and PID namespace the pids of the member table mean something.
  [[nodiscard]] const PidScope& scope() const noexcept;

  // Owner only: hand the ring back. Readers see that nobody produces, and the next create() continues it. More than
  // once is fine.
  void end_ownership() noexcept;

  // False in a forked child: there is no memory behind this handle there.
  [[nodiscard]] bool is_here() const noexcept;
  // Throws Error(wrong_state) in a forked child, naming the ring.
  void require_here() const;

private:
  RingSpace(std::shared_ptr<detail::SpaceParts> parts, SpaceRole role) noexcept;
  [[nodiscard]] std::span<std::byte> units_of(std::size_t unit_bytes) const;

  std::shared_ptr<detail::SpaceParts> parts_;
  SpaceRole role_ = SpaceRole::observer;
};

} // namespace ringfleet::ring
