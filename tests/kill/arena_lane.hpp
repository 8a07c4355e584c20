#pragma once

// A call lane with arenas on both sides, as it lies in shared memory, and a handle for either end. Calls are told apart
// by their numbers; what a request and its reply must hold follows from the number.

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/server_lane.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include <fmt/format.h>

namespace ringfleet::kill {

inline constexpr call::LaneShape arena_lane_shape{.slots = 4, .slot_bytes = 64};
inline constexpr std::size_t small_bytes = 40;  // in a slot
inline constexpr std::size_t large_bytes = 200; // in an arena, where it takes four lines
inline constexpr std::uint64_t large_in_arena = 3;
inline constexpr std::uint32_t arenas_of_a_side = 2;

struct ArenaLaneBytes {
  using Arena = std::array<std::byte, large_in_arena * round_up<std::size_t>(large_bytes, cache_line_bytes)>;

  alignas(page_bytes) std::array<std::byte, call::client_body_bytes(arena_lane_shape)> client;
  alignas(page_bytes) std::array<std::byte, call::runner_body_bytes(arena_lane_shape)> runner;
  alignas(cache_line_bytes) std::array<Arena, arenas_of_a_side> of_requests;
  alignas(cache_line_bytes) std::array<Arena, arenas_of_a_side> of_replies;
  // How many of them the other side has mapped; in a fleet that is what the scheduler has told it.
  alignas(cache_line_bytes) std::uint64_t request_arenas;
  std::uint64_t reply_arenas;
};

using Payload = std::array<std::uint64_t, large_bytes / 8>;

[[nodiscard]] inline Payload payload_of(std::uint64_t number) {
  Payload payload;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = (number + 1) * 0x9e37'79b9'7f4a'7c15 + i * 0x1234'5677;
  }
  return payload;
}
[[nodiscard]] inline Payload answer_to(std::uint64_t number) {
  return payload_of(number + 1'000);
}
[[nodiscard]] inline bool is_beginning_of(const Payload& whole, std::span<const std::byte> bytes) {
  return bytes.size() <= large_bytes && std::memcmp(bytes.data(), whole.data(), bytes.size()) == 0;
}

// What a module writes.
enum class Answer : std::uint8_t {
  small,
  large,
  grown, // a piece in the slot, a second one that takes a block of the arena, a third one that takes a larger block
  empty  // a large one, of which nothing is sent
};
[[nodiscard]] constexpr std::size_t bytes_of(Answer answer) {
  return answer == Answer::small ? small_bytes : answer == Answer::empty ? 0 : large_bytes;
}

class ArenaLane {
public:
  enum class Room : std::uint8_t { one_arena, may_grow };

  // Both sides begin with one arena each. Whatever the memory held before is gone.
  ArenaLane(ArenaLaneBytes& memory, std::uint64_t first, Room room = Room::one_arena)
      : memory_(cleared(memory)), may_grow_(true),
        server(arena_lane_shape, memory.runner, memory.client,
               {.mode = call::WaitMode::park, .arena_wanted = [this](std::uint64_t) { return grow_replies(); }}, first),
        caller(arena_lane_shape, memory.client, memory.runner,
               {.mode = call::WaitMode::park,
                .obituary = nullptr,
                .arena_wanted = [this](std::uint64_t, MonotonicNs) { return grow_requests(); }},
               first) {
    (void)grow_requests();
    (void)grow_replies();
    may_grow_ = room == Room::may_grow;
  }

  // Maps the arenas of the other side that it uses already.
  void open_arenas() {
    for (std::uint32_t i = 0; i < arenas_of_a_side; ++i) {
      if (i < memory_.request_arenas) {
        (void)server.open_request_arena(i + 1, memory_.of_requests[i]);
      }
      if (i < memory_.reply_arenas) {
        (void)caller.open_reply_arena(i + 1, memory_.of_replies[i]);
      }
    }
  }

  call::Started start(std::uint32_t number, std::size_t bytes = large_bytes,
                      call::Delivery delivery = call::Delivery::held) {
    const auto payload = payload_of(number);
    return caller.start({.method = number}, std::as_bytes(std::span(payload)).first(bytes), delivery, 0);
  }
  [[nodiscard]] static bool is_whole(const call::Request& request) {
    return (request.payload.size() == small_bytes || request.payload.size() == large_bytes) &&
           is_beginning_of(payload_of(request.method), request.payload);
  }
  [[nodiscard]] static bool is_whole(const call::ReplyView& reply, std::uint32_t number, Answer answer) {
    return reply.status == CallStatus::ok && reply.bytes.size() == bytes_of(answer) &&
           is_beginning_of(answer_to(number), reply.bytes);
  }

  // As a worker of a runner does it; `module` is what its module does besides. What it had room for: ok, or no_space.
  template <class Module>
  CallStatus execute(const call::Request& request, Answer answer, Module&& module) {
    server.start(0, request.position, request.deadline);
    module();
    const auto answered = answer_to(request.method);
    const auto bytes = std::as_bytes(std::span(answered));
    std::size_t written = 0;
    auto status = CallStatus::ok;
    const auto write = [&](std::size_t end) {
      const auto buffer = server.reply_buffer(request.position, end, written);
      status = buffer.status;
      if (status == CallStatus::ok) {
        std::memcpy(buffer.bytes.data() + written, bytes.data() + written, end - written);
        written = end;
      }
    };
    if (answer == Answer::small || answer == Answer::grown) {
      write(small_bytes);
    }
    if (answer == Answer::grown) {
      write(100);
    }
    if (answer != Answer::small && status == CallStatus::ok) {
      write(large_bytes);
    }
    const bool is_sent = status == CallStatus::ok && answer != Answer::empty;
    server.reply(request.position, status, 0, is_sent ? static_cast<std::uint32_t>(written) : 0);
    server.finish(0);
    return status;
  }
  CallStatus execute(const call::Request& request, Answer answer = Answer::large) {
    return execute(request, answer, [] {});
  }
  // Of one that no runner has begun or will begin, to another runner, as the client of a fleet sends it.
  call::Started move_on(std::uint64_t position, ArenaLane& to) {
    const auto started =
        to.caller.start(caller.request_fields(position), caller.request_payload(position), call::Delivery::held, 0);
    caller.abandon(position);
    return started;
  }
  // All that is there. Empty: they were whole.
  std::string serve_all(Answer answer = Answer::large) {
    call::Request request;
    while (server.poll(request)) {
      if (!is_whole(request)) {
        return "a request is torn or foreign";
      }
      (void)execute(request, answer);
    }
    return {};
  }

  // Nothing of it is in use: all slots and both arenas can be had, one call more than that is refused, and all comes
  // back. By a lane whose both ends live. Empty: it is so.
  std::string has_everything();

private:
  static ArenaLaneBytes& cleared(ArenaLaneBytes& memory) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    return memory;
  }
  bool grow_requests() {
    const auto number = caller.next_arena_number();
    if (!may_grow_ || number > arenas_of_a_side) {
      return false;
    }
    auto& arena = memory_.of_requests[number - 1];
    (void)server.open_request_arena(number, arena);
    Atomics::store_release(memory_.request_arenas, std::uint64_t{number});
    caller.add_arena(arena);
    return true;
  }
  bool grow_replies() {
    const auto number = server.next_arena_number();
    if (!may_grow_ || number > arenas_of_a_side) {
      return false;
    }
    auto& arena = memory_.of_replies[number - 1];
    (void)caller.open_reply_arena(number, arena);
    Atomics::store_release(memory_.reply_arenas, std::uint64_t{number});
    server.add_arena(arena);
    return true;
  }

  ArenaLaneBytes& memory_;
  bool may_grow_;

public:
  call::ServerLane server;
  call::CallerLane caller;
};

inline std::string ArenaLane::has_everything() {
  constexpr std::uint32_t first_number = 500;
  const auto empty = start(first_number);
  (void)serve_all(Answer::empty);
  if (caller.wait(empty.position, 0).status != call::WaitStatus::replied) {
    return "a call is not answered";
  }
  caller.release(empty.position);
  for (std::uint32_t round = 0; round < 2; ++round) {
    std::array<std::uint64_t, large_in_arena + 1> positions{};
    for (std::uint32_t i = 0; i < large_in_arena; ++i) {
      const auto started = start(first_number + i);
      if (started.status != call::StartStatus::started) {
        return fmt::format("the arena of requests has room for {} of {}", i, large_in_arena);
      }
      positions[i] = started.position;
    }
    if (start(first_number).status != call::StartStatus::no_space) {
      return "the arena of requests has room for more than it holds";
    }
    positions[large_in_arena] = start(first_number + large_in_arena, small_bytes).position;
    if (auto wrong = serve_all(); !wrong.empty()) {
      return wrong;
    }
    for (std::uint32_t i = 0; i <= large_in_arena; ++i) {
      const auto waited = caller.wait(positions[i], 0);
      const bool has_room = i < large_in_arena;
      if (waited.status != call::WaitStatus::replied ||
          (has_room ? !is_whole(waited.reply, first_number + i, Answer::large)
                    : waited.reply.status != CallStatus::no_space || !waited.reply.bytes.empty())) {
        return fmt::format("the arena of replies has not room for {} and no more", large_in_arena);
      }
    }
    for (const auto position : positions) {
      caller.release(position);
    }
  }
  return {};
}

} // namespace ringfleet::kill
