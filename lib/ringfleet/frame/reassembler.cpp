#include "ringfleet/frame/reassembler.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <cstring>

namespace ringfleet::frame {

Reassembler::Reassembler(std::uint64_t max_message, std::uint32_t assemblies)
    : max_message_(max_message), assemblies_(assemblies) {
  RINGFLEET_ASSERT(assemblies >= 1 && assemblies <= limits::assemblies_max, "1 to assemblies_max buffers");
  for (auto& assembly : assemblies_) {
    assembly.bytes = std::make_unique_for_overwrite<std::byte[]>(max_message);
  }
}

AssemblyResult Reassembler::feed(const RecordHeader& record, const FragmentHeader& fragment,
                                 std::span<const std::byte> data) noexcept {
  Assembly* assembly = nullptr;
  if (record.form == RecordForm::first) {
    // Its message cannot be larger than the reader takes, and is never as short as its first part.
    if (fragment.message != record.position || fragment.offset != 0 || fragment.total <= data.size()) {
      return refuse(nullptr, RecordFault::fragment);
    }
    if (fragment.total > max_message_) {
      return refuse(nullptr, RecordFault::oversize);
    }
    assembly = begin(fragment);
    if (assembly == nullptr) {
      return AssemblyResult::no_buffer;
    }
    assembly->kind = record.kind;
  } else {
    if (!ring::is_before(fragment.message, record.position)) {
      return refuse(nullptr, RecordFault::fragment);
    }
    assembly = find(fragment.message, State::filling);
    if (assembly == nullptr) {
      return AssemblyResult::ignored;
    }
    const auto left = assembly->total - assembly->filled;
    const bool fits = record.form == RecordForm::last ? data.size() == left : data.size() < left;
    if (fragment.total != assembly->total || fragment.offset != assembly->filled || record.kind != assembly->kind ||
        !fits) {
      return refuse(assembly, RecordFault::fragment);
    }
  }
  std::memcpy(assembly->bytes.get() + assembly->filled, data.data(), data.size());
  assembly->filled += data.size();
  if (assembly->filled != assembly->total) {
    return AssemblyResult::taken;
  }
  assembly->state = State::complete;
  complete_ = static_cast<std::size_t>(assembly - assemblies_.data());
  return AssemblyResult::complete;
}

void Reassembler::abort(std::uint64_t message) noexcept {
  if (auto* assembly = find(message, State::filling)) {
    assembly->state = State::unused;
    ++dropped_;
  }
}

void Reassembler::abort_all() noexcept {
  for (auto& assembly : assemblies_) {
    if (assembly.state == State::filling) {
      assembly.state = State::unused;
      ++dropped_;
    }
  }
}

std::span<const std::byte> Reassembler::message() const noexcept {
  const auto& assembly = assemblies_[complete_];
  return {assembly.bytes.get(), assembly.total};
}

void Reassembler::release(std::uint64_t message) noexcept {
  if (auto* assembly = find(message, State::complete)) {
    assembly->state = State::unused;
  }
}

Reassembler::Assembly* Reassembler::find(std::uint64_t message, State state) noexcept {
  for (auto& assembly : assemblies_) {
    if (assembly.state == state && assembly.message == message) {
      return &assembly;
    }
  }
  return nullptr;
}

// A free buffer; without one, that of the message that was begun first: its producer is the likeliest to be dead.
Reassembler::Assembly* Reassembler::begin(const FragmentHeader& fragment) noexcept {
  Assembly* chosen = nullptr;
  for (auto& assembly : assemblies_) {
    if (assembly.state == State::unused) {
      chosen = &assembly;
      break;
    }
    if (assembly.state == State::filling && (chosen == nullptr || ring::is_before(assembly.message, chosen->message))) {
      chosen = &assembly;
    }
  }
  if (chosen == nullptr) {
    return nullptr;
  }
  dropped_ += chosen->state == State::filling;
  chosen->state = State::filling;
  chosen->message = fragment.message;
  chosen->total = fragment.total;
  chosen->filled = 0;
  return chosen;
}

AssemblyResult Reassembler::refuse(Assembly* assembly, RecordFault fault) noexcept {
  if (assembly != nullptr) {
    assembly->state = State::unused;
    ++dropped_;
  }
  fault_ = fault;
  return AssemblyResult::refused;
}

} // namespace ringfleet::frame
