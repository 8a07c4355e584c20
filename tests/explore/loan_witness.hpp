#pragma once

// Lent messages in worlds of the explorer: who lends them, and readers who look whether each shows what was written for
// it. For rings with one producer and with many.

#include "explored_atomics.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::explore {

inline constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = false};

inline std::span<std::byte> bytes_of(std::vector<frame::FrameBlock>& blocks) {
  return {blocks.data()->bytes, blocks.size() * frame::block_bytes};
}
inline std::uint64_t& word_in(std::span<const std::byte> bytes) {
  return *reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(bytes.data()));
}

// A message that says which one it is, by its kind and in the memory that it is lent in.
template <class Writer>
void lend(Writer& writer, unsigned number) {
  auto loan = writer.loan(64);
  if (loan) {
    ExploredAtomics::store_relaxed(word_in(loan.bytes()), std::uint64_t{number});
    (void)loan.commit(std::uint64_t{8}, {.kind = static_cast<std::uint16_t>(number)});
  }
}

class LoanWitness {
public:
  explicit LoanWitness(const frame::LoanViews& arenas) : options_{.max_message = 64, .arenas = &arenas} {}

  // Joins at an older record, looks twice at each message while it has the view, and leaves.
  template <class Reader>
  void join_and_read(const auto& memory) {
    auto blocks = Reader::join(memory, 0, {.from = ring::JoinFrom::oldest}, spins);
    frame::FrameReader<Reader, ExploredAtomics> reader(*blocks, options_);
    for (unsigned polls = 0; polls < 2; ++polls) {
      (void)reader.poll([&](const frame::View& view) {
        check(view, ExploredAtomics::load_relaxed(word_in(view.bytes)));
        check(view, ExploredAtomics::load_relaxed(word_in(view.bytes))); // and it stays
      });
    }
    blocks->leave();
  }
  // The same without a gate.
  template <class Lossy>
  void copy(const auto& memory) {
    auto blocks = Lossy::watch(memory, {.from = ring::JoinFrom::oldest}, spins);
    frame::LossyFrameReader<Lossy, ExploredAtomics> reader(*blocks, options_);
    for (unsigned polls = 0; polls < 2; ++polls) {
      (void)reader.poll([&](const frame::View& view) {
        std::uint64_t value = 0;
        std::memcpy(&value, view.bytes.data(), sizeof(value));
        check(view, value);
      });
    }
  }

  // Empty: nothing.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

private:
  void check(const frame::View& view, std::uint64_t value) {
    if (value != view.kind) {
      wrong_ = "message " + std::to_string(view.kind) + " shows what was written for " + std::to_string(value);
    }
  }

  frame::ReaderOptions options_;
  std::string wrong_;
};

} // namespace ringfleet::explore
