#pragma once

// What is known of each call of the lane world, from outside: how often the module saw it, and how its caller ended. A
// call is executed at most once, ends exactly once, and gets its own answer or none.

#include "explored_host.hpp"
#include "ringfleet/call/lane_caller.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::explore {

enum class End : std::uint8_t { answered, no_space, cancelled, lost, late, dropped };

[[nodiscard]] constexpr std::uint64_t answer_to(std::uint32_t id) {
  return 0x1'0000'0000U + 7 * std::uint64_t{id};
}

class LaneLedger {
public:
  explicit LaneLedger(std::size_t calls) : calls_(calls) {}

  void accuse(std::string text) {
    if (wrong_.empty()) {
      wrong_ = std::move(text);
    }
  }

  // ---- requests
  [[nodiscard]] std::span<const std::byte> request_of(std::uint32_t id, bool is_big) {
    auto& call = calls_[id];
    call.request.assign(is_big ? 16 : 1, id + 1);
    return std::as_bytes(std::span(call.request));
  }
  void check_request(std::uint32_t id, std::span<const std::byte> payload) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (id >= calls_.size() || payload.size() < sizeof first) {
      accuse("a request that nobody made");
      return;
    }
    std::memcpy(&first, payload.data(), sizeof first);
    std::memcpy(&last, payload.data() + payload.size() - sizeof last, sizeof last);
    if (first != id + 1 || last != id + 1) {
      accuse("a request with the payload of another");
    }
  }
  void execute(std::uint32_t id) {
    if (++calls_[id].executions > 1) {
      accuse("call " + std::to_string(id) + " was executed twice");
    }
  }
  void check_unexecuted(std::uint32_t id) {
    if (calls_[id].executions != 0) {
      accuse("call " + std::to_string(id) + " was started, and is sent elsewhere");
    }
  }

  // ---- outcomes
  void answer(std::uint32_t id, const call::ReplyView& reply) {
    if (reply.status == CallStatus::cancelled || reply.status == CallStatus::no_space) {
      end(id, reply.status == CallStatus::cancelled ? End::cancelled : End::no_space);
      return;
    }
    end(id, End::answered);
    if (reply.status != CallStatus::ok || reply.bytes.size() < sizeof(std::uint64_t)) {
      accuse("a reply without an answer");
    } else if (E::load_relaxed(*reinterpret_cast<const std::uint64_t*>(reply.bytes.data())) != answer_to(id)) {
      accuse("call " + std::to_string(id) + " got the answer of another");
    }
  }
  void end(std::uint32_t id, End end) {
    if (calls_[id].end && *calls_[id].end != End::dropped) {
      accuse("call " + std::to_string(id) + " ended twice");
    }
    calls_[id].end = end;
  }
  void drop(std::uint32_t id) {
    if (!calls_[id].end) {
      calls_[id].end = End::dropped;
    }
  }

  [[nodiscard]] std::string judge(bool is_runner_dead, bool is_closed) const {
    if (!wrong_.empty()) {
      return wrong_;
    }
    for (std::size_t id = 0; id < calls_.size(); ++id) {
      const auto& call = calls_[id];
      const auto name = "call " + std::to_string(id);
      if (!call.end) {
        return name + " has no end";
      }
      if (*call.end == End::lost && !is_runner_dead) {
        return name + " is lost, and nobody died";
      }
      if (*call.end == End::answered && call.executions != 1) {
        return name + " was answered without being executed";
      }
      if (*call.end == End::cancelled && call.executions != 0) {
        return name + " was executed after its cancellation had been granted";
      }
      if (*call.end == End::no_space && (is_closed || is_runner_dead) && call.executions > 1) {
        return name + " was executed twice for want of room";
      }
    }
    return "";
  }

private:
  struct Call {
    std::vector<std::uint64_t> request;
    unsigned executions = 0;
    std::optional<End> end;
  };
  std::vector<Call> calls_;
  std::string wrong_;
};

} // namespace ringfleet::explore
