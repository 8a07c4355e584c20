//   [argument] --memcpy--> [there] --memcpy--> [back]      one thread

#include "floors/floors.hpp"

#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"

#include <cstring>
#include <string>
#include <vector>

namespace ringfleet::bench {

Row floor_memcpy(std::size_t bytes) {
  const auto measure = [bytes](const Slice& slice) {
    pin_to(slice.client_core);
    std::vector<char> argument(bytes, 'a');
    std::vector<char> there(bytes);
    std::vector<char> back(bytes);
    char next = 0;
    Sample sample = time_blocks(slice, 256, [&] {
      argument[0] = ++next;
      std::memcpy(there.data(), argument.data(), bytes);
      asm volatile("" : : "r"(there.data()) : "memory");
      std::memcpy(back.data(), there.data(), bytes);
      asm volatile("" : : "r"(back.data()) : "memory");
    });
    if (back != argument) {
      throw Error(ErrorCode::bad_message, "the copied bytes differ");
    }
    return sample;
  };
  return {.name = "floor_memcpy", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = measure};
}

Row floor_memcpy_once(std::size_t bytes, std::size_t ring_bytes) {
  const auto measure = [bytes, ring_bytes](const Slice& slice) {
    pin_to(slice.client_core);
    std::vector<char> payload(bytes, 'a');
    SharedMemory memory(ring_bytes);
    char* const ring = &memory.as<char>();
    std::size_t offset = 0;
    Sample sample = time_blocks(slice, 64, [&] {
      std::memcpy(ring + offset, payload.data(), bytes);
      asm volatile("" : : "r"(ring) : "memory");
      offset = offset + 2 * bytes <= ring_bytes ? offset + bytes : 0;
    });
    if (std::memcmp(ring, payload.data(), bytes) != 0) {
      throw Error(ErrorCode::bad_message, "the copied bytes differ");
    }
    return sample;
  };
  return {.name = "floor_memcpy_once", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = measure};
}

} // namespace ringfleet::bench
