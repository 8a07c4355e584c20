#pragma once

// One call lane of the lane world: its memory, its arenas, and a handle for either end.

#include "explored_host.hpp"

#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/server_lane.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ringfleet::explore {

inline constexpr std::uint32_t reply_block_bytes = 128;
inline constexpr std::uint32_t request_block_bytes = 128;

struct alignas(cache_line_bytes) MemoryLine {
  std::byte bytes[cache_line_bytes];
};
inline std::span<std::byte> bytes_of(std::vector<MemoryLine>& lines) {
  return std::as_writable_bytes(std::span(lines));
}

struct Lane {
  Lane(const call::LaneShape& shape, std::uint32_t reply_blocks, std::uint32_t request_blocks,
       const memory::Obituary* obituary)
      : requests(call::client_body_bytes(shape) / cache_line_bytes),
        replies(call::runner_body_bytes(shape) / cache_line_bytes + 1),
        request_arena(request_blocks * request_block_bytes / cache_line_bytes),
        reply_arena(reply_blocks * reply_block_bytes / cache_line_bytes),
        server(shape, bytes_of(replies), bytes_of(requests), {}),
        caller(shape, bytes_of(requests), bytes_of(replies),
               {.mode = call::WaitMode::park, .obituary = obituary, .arena_wanted = {}}) {
    if (!request_arena.empty()) {
      (void)server.open_request_arena(caller.add_arena(bytes_of(request_arena)), bytes_of(request_arena));
    }
    if (!reply_arena.empty()) {
      (void)caller.open_reply_arena(server.add_arena(bytes_of(reply_arena)), bytes_of(reply_arena));
    }
  }

  std::vector<MemoryLine> requests;
  std::vector<MemoryLine> replies;
  std::vector<MemoryLine> request_arena;
  std::vector<MemoryLine> reply_arena;
  call::BasicServerLane<E> server;
  call::BasicCallerLane<E> caller;
};

} // namespace ringfleet::explore
