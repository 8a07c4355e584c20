#include "ledger.hpp"

#include "ringfleet/os/futex.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ringfleet::soak {

Ledger& map_ledger(const std::string& path, bool create) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600);
  if (file == -1 || (create && ::ftruncate(file, sizeof(Ledger)) != 0)) {
    throw std::runtime_error("the ledger " + path + " cannot be opened: " + std::strerror(errno));
  }
  void* const memory = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (memory == MAP_FAILED) {
    throw std::runtime_error("the ledger " + path + " cannot be mapped");
  }
  return *static_cast<Ledger*>(memory); // zeroes are where everything begins
}

void complain(Ledger& ledger, std::string_view text) noexcept {
  if (ledger.complaints++ == 0) {
    const auto length = std::min(text.size(), ledger.first_complaint.size() - 1);
    std::memcpy(ledger.first_complaint.data(), text.data(), length);
  }
  std::fprintf(stderr, "soak: %.*s\n", static_cast<int>(text.size()), text.data());
}

namespace {
std::uint64_t own_place = processes_max;
}

void name_own_place(std::uint64_t place) noexcept {
  own_place = place;
}

void note_heap(Ledger& ledger) noexcept {
  if (own_place < processes_max && Ledger::of(ledger.order) != Order::work) {
    const auto heap = ::mallinfo2();
    ledger.heap[own_place] = heap.uordblks + heap.hblkhd;
  }
}

void wait_for_order(const Ledger& ledger, std::uint32_t seen) noexcept {
  const auto& word = reinterpret_cast<const std::uint32_t&>(ledger.order);
  (void)os::futex_wait(word, seen, deadline_after(monotonic_now(), std::chrono::milliseconds(50)));
}

} // namespace ringfleet::soak
