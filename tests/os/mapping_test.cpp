#include "forked_child.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <csignal>
#include <cstdint>
#include <utility>

#include <doctest/doctest.h>

#include <sys/mman.h>

using namespace ringfleet;
using namespace ringfleet::os;
using test::in_forked_child;

namespace {

constexpr std::size_t size = 16'384;

Mapping map_new(Access access) {
  return Mapping(create_memory_file("test", size).get(), size, access, "test");
}

bool is_mapped(const std::byte* address) {
  unsigned char resident = 0;
  return ::mincore(const_cast<std::byte*>(address), 4'096, &resident) == 0;
}

} // namespace

TEST_CASE("mapping: stays when its descriptor is closed") {
  auto mapping = map_new(Access::read_write);
  mapping.writable_bytes()[size - 1] = std::byte{7};
  CHECK(mapping.bytes()[size - 1] == std::byte{7});
  CHECK(reinterpret_cast<std::uintptr_t>(mapping.bytes().data()) % 4'096 == 0);
}

TEST_CASE("mapping: assigning over a live owner releases what it held") {
  auto held = map_new(Access::read_write);
  auto other = map_new(Access::read_only);
  const auto* const first = held.bytes().data();
  const auto* const second = other.bytes().data();
  held = std::move(other);
  CHECK_FALSE(is_mapped(first));
  CHECK(held.bytes().data() == second);
  CHECK(held.access() == Access::read_only);
}

TEST_CASE("mapping: a forked child faults when it touches it, so it cannot become a second writer") {
  auto mapping = map_new(Access::read_write); // fault 15
  const auto status = in_forked_child([&] {
    mapping.writable_bytes()[0] = std::byte{1};
    return 0;
  });
  CHECK(status == ExitStatus{.signalled = true, .code = SIGSEGV});
  CHECK(mapping.bytes()[0] == std::byte{0});
}

TEST_CASE("mapping: writing to a read-only one is an assertion in our code and a fault in anybody else's") {
  auto mapping = map_new(Access::read_only);
  CHECK(in_forked_child([&] { return static_cast<int>(mapping.writable_bytes().size()); }) ==
        ExitStatus{.signalled = true, .code = SIGABRT});
}

TEST_CASE("mapping: a guard page faults, its neighbours do not") {
  auto heap = Mapping::heap(size);
  heap.protect_none(4'096, 4'096);
  heap.writable_bytes()[4'095] = std::byte{1};
  heap.writable_bytes()[8'192] = std::byte{1};
  const auto status = in_forked_child([&] {
    heap.writable_bytes()[4'096] = std::byte{1};
    return 0;
  });
  CHECK(status == ExitStatus{.signalled = true, .code = SIGSEGV});
}

TEST_CASE("mapping: a heap one is zeroed, page-aligned and shared with forked children") {
  auto heap = Mapping::heap(size);
  CHECK(reinterpret_cast<std::uintptr_t>(heap.bytes().data()) % 4'096 == 0);
  CHECK(heap.bytes()[100] == std::byte{0});
  in_forked_child([&] {
    heap.writable_bytes()[100] = std::byte{3};
    return 0;
  });
  CHECK(heap.bytes()[100] == std::byte{3});
}
