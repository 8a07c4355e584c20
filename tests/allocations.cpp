#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

thread_local std::uint64_t count = 0;
thread_local void (*before)() = nullptr;
std::atomic<std::int64_t> live_count = 0;
std::atomic<std::int64_t> live_bytes = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++count;
  if (before != nullptr) {
    before();
  }
  const auto rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded != 0 ? rounded : alignment)) {
    live_count.fetch_add(1, std::memory_order_relaxed);
    live_bytes.fetch_add(static_cast<std::int64_t>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    return memory;
  }
  throw std::bad_alloc();
}
void give_back(void* memory) noexcept {
  if (memory != nullptr) {
    live_count.fetch_sub(1, std::memory_order_relaxed);
    live_bytes.fetch_sub(static_cast<std::int64_t>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    std::free(memory);
  }
}

} // namespace

namespace ringfleet::test {

std::uint64_t allocations() noexcept {
  return count;
}
LiveAllocations live_allocations() noexcept {
  return {live_count.load(std::memory_order_relaxed), live_bytes.load(std::memory_order_relaxed)};
}

void before_each_allocation(void (*act)()) noexcept {
  before = act;
}

} // namespace ringfleet::test

void* operator new(std::size_t bytes) {
  return allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  give_back(memory);
}
