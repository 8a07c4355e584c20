#pragma once

// One side of shared memory against another one that changes a field at the worst moment: between the check and the
// use. Everything that the side under test gets must lie within the memory that it was given, which is surrounded by
// pages nobody may touch; it must end; what it says must be one of the answers it has; and whoever else is there must
// be served as if nothing had happened.
//
// Each hostile value of each field is there from the beginning once. Then follow three kinds of runs: one field is the
// honest value and a hostile one in turn, changing at random between instructions; one field changes once, for good;
// every instruction finds another field changed. Each kind goes on until it has had its share of the instructions that
// an attack may take.

#include "ringfleet/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::kill {

// Memory that ends where a forbidden page begins; in front of its first page is another one. 64-byte aligned, zeroed.
class Guarded {
public:
  explicit Guarded(std::size_t bytes);
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded();

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  template <class T>
  [[nodiscard]] T& at(std::size_t offset = 0) const {
    return *reinterpret_cast<T*>(bytes_.data() + offset);
  }
  [[nodiscard]] bool holds(std::span<const std::byte> part) const;

private:
  std::size_t mapped_bytes_;
  std::byte* mapped_;
  std::span<std::byte> bytes_;
};

// A word of 4 or 8 bytes that the hostile side owns.
struct Field {
  Field(std::uint64_t& field) : word(&field), bytes(8) {} // NOLINT: lists of fields are written as lists of words
  Field(std::uint32_t& field) : word(&field), bytes(4) {} // NOLINT

  [[nodiscard]] std::uint64_t load() const;
  void store(std::uint64_t value) const;

  void* word;
  std::size_t bytes;
};

// Somebody and all that it reads. It acts once under attack; then everything is made honest again, and it goes on.
class Victim {
public:
  Victim() = default;
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  virtual ~Victim() = default;

  [[nodiscard]] virtual std::vector<Field> fields() = 0;
  // Touches what it gets. Says what is wrong with what it got, or nothing.
  [[nodiscard]] virtual std::string read() = 0;
  // Undisturbed, after each read: what is wrong with those who are not attacked. `in_peace`: nor was the read.
  [[nodiscard]] virtual std::string others(bool in_peace) {
    (void)in_peace;
    return {};
  }
};

struct Attack {
  std::string name;
  std::function<std::unique_ptr<Victim>()> make;
  // In one read: the other side comes to rest some time. Who reads may wait for that, but not any longer.
  std::uint64_t instructions_each = 5'000;
  // It never rests: a read must end within that many all the same.
  bool never_rests = false;
  // Where a read takes too many instructions for that to say much: so many reads beside a thread that never rests.
  std::uint64_t reads_beside = 0;
  // And then, for each of its allocations, each hostile value of each field appears there, for good: what is read once
  // more long after its check is a matter of luck otherwise. For programs that link allocations.cpp.
  void (*before_each_allocation)(void (*act)()) = nullptr;
};

// What `read()` says; a refusal by name is as good.
template <class Read>
[[nodiscard]] std::string refused_or(Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    return error.operation().empty() ? "a refusal that names nothing" : "";
  }
}

// A byte of each line, and the last one, so that a page is touched that must not be.
[[nodiscard]] std::uint64_t touch(std::span<const std::byte> bytes);

struct AttackCounts {
  std::uint64_t instructions = 0; // after which a field could change
  std::uint64_t reads = 0;
};

// What went wrong, or nothing.
[[nodiscard]] std::string attack(const Attack& attack, std::uint64_t seed, std::uint64_t instructions_max,
                                 AttackCounts& counts);

// A whole program, as stepkill_main(). RINGFLEET_TEST_ROUNDS: instructions for each attack.
int flip_main(int argc, char** argv, const char* program, const std::vector<Attack>& attacks,
              std::uint64_t instructions_max = 60'000);

} // namespace ringfleet::kill
