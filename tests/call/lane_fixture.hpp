#pragma once

// A lane over plain memory, mapped once, so that ThreadSanitizer sees both sides; and a server thread for it.

#include "../scale.hpp"
#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/call/server_park.hpp"
#include "ringfleet/os/mapping.hpp"

#include <atomic>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace ringfleet::call::test {

using ringfleet::test::scale_down;

struct LaneMemory {
  explicit LaneMemory(const LaneShape& shape)
      : client(os::Mapping::heap(round_up<std::size_t>(client_body_bytes(shape), page_bytes))),
        runner(os::Mapping::heap(round_up<std::size_t>(runner_body_bytes(shape), page_bytes))) {}

  os::Mapping client;
  os::Mapping runner;
};

// Both handles, arenas grown by plain allocation, as the fleet does over its control sockets.
struct Lane {
  explicit Lane(const LaneShape& lane_shape, WaitMode mode = WaitMode::park, std::uint64_t first_position = 0)
      : shape(lane_shape), memory(lane_shape),
        server(shape, memory.runner.writable_bytes(), memory.client.bytes(),
               {mode, [this](std::uint64_t bytes) { return grow_server(bytes); }}, first_position),
        caller(shape, memory.client.writable_bytes(), memory.runner.bytes(),
               {mode, &obituary,
                [this](std::uint64_t bytes, MonotonicNs deadline) {
                  wanted_until = deadline;
                  return grow_caller(bytes);
                }},
               first_position) {}

  bool grow_caller(std::uint64_t bytes) {
    const auto size = caller.arena_growth_for(bytes);
    if (size == 0 || !may_grow) {
      return false;
    }
    auto& arena = caller_arenas.emplace_back(os::Mapping::heap(size));
    return server.open_request_arena(caller.next_arena_number(), arena.bytes()) &&
           caller.add_arena(arena.writable_bytes()) != 0;
  }
  bool grow_server(std::uint64_t bytes) {
    const auto size = server.arena_growth_for(bytes);
    if (size == 0 || !may_grow) {
      return false;
    }
    auto& arena = server_arenas.emplace_back(os::Mapping::heap(size));
    return caller.open_reply_arena(server.next_arena_number(), arena.bytes()) &&
           server.add_arena(arena.writable_bytes()) != 0;
  }

  LaneShape shape;
  LaneMemory memory;
  memory::Obituary obituary;
  std::list<os::Mapping> caller_arenas;
  std::list<os::Mapping> server_arenas;
  std::atomic<bool> may_grow = true;
  MonotonicNs wanted_until = 0; // the deadline of the call that wanted an arena last
  ServerLane server;
  CallerLane caller;
};

// Methods of the test server.
enum Method : std::uint32_t {
  echo = 1,     // the payload
  fill = 2,     // payload: u64 n; reply: n bytes of pattern(n)
  refuse = 3,   // module_error 7
  wait_gate = 4 // holds the server until `gate` is open
};

inline std::byte pattern(std::uint64_t n, std::uint64_t i) {
  return static_cast<std::byte>((n * 31 + i * 7) & 0xff);
}

inline void serve(ServerLane& lane, const Request& request, const std::function<void()>& gate = {}) {
  lane.start(0, request.position, request.deadline);
  if (lane.is_cancelled(request.position)) {
    lane.reply(request.position, CallStatus::cancelled);
  } else if (request.method == echo || request.method == fill) {
    std::uint64_t n = request.payload.size();
    if (request.method == fill) {
      std::memcpy(&n, request.payload.data(), sizeof n);
    }
    const auto buffer = lane.reply_buffer(request.position, n);
    if (buffer.status != CallStatus::ok) {
      lane.reply(request.position, buffer.status);
    } else if (request.method == echo) {
      std::copy(request.payload.begin(), request.payload.end(), buffer.bytes.begin());
      lane.reply(request.position, CallStatus::ok, 0, static_cast<std::uint32_t>(n));
    } else {
      for (std::uint64_t i = 0; i < n; i += n > 65'536 ? 4'096 : 1) {
        buffer.bytes[i] = pattern(n, i);
      }
      lane.reply(request.position, CallStatus::ok, 0, static_cast<std::uint32_t>(n));
    }
  } else if (request.method == wait_gate) {
    gate();
    lane.reply(request.position, CallStatus::ok);
  } else {
    lane.reply(request.position, CallStatus::module_error, 7);
  }
  lane.finish(0);
}

class ServerThread {
public:
  explicit ServerThread(ServerLane& lane, std::function<void()> gate = {})
      : lane_(lane), gate_(std::move(gate)), thread_([this] { run(); }) {}
  ~ServerThread() { stop(); }

  // Answers what is published, then ends; `close` also closes the lane.
  void stop(bool close = false) {
    if (thread_.joinable()) {
      close_ = close;
      Atomics::store_release(control_, std::uint32_t{1});
      os::futex_wake(control_, os::wake_all, false);
      thread_.join();
    }
  }

private:
  void run() {
    ServerPark park(control_);
    park.add(lane_);
    Request request;
    for (;;) {
      while (lane_.poll(request)) {
        serve(lane_, request, gate_);
      }
      if (park.control_value() != 0) {
        if (close_) {
          lane_.close();
        }
        return;
      }
      park.wait(0, never);
    }
  }

  ServerLane& lane_;
  std::function<void()> gate_;
  std::uint32_t control_ = 0;
  bool close_ = false;
  std::thread thread_;
};

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}
template <class T>
std::span<const std::byte> bytes_of_value(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

} // namespace ringfleet::call::test
