// Both halves of a call lane while the other side changes what they read, after each of their instructions: replies
// under a hostile runner, its announcements after its death, requests under a hostile client. fault 21.

#include "flip.hpp"
#include "flip_route.hpp"
#include "ringfleet/call/lane_caller.hpp"
#include "ringfleet/call/lane_server.hpp"
#include "ringfleet/call/progress_view.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

constexpr LaneShape shape{.slots = 4, .slot_bytes = 64};
constexpr std::uint64_t first = (std::uint64_t{1} << 32) - 2;
constexpr std::size_t arena_bytes = 256;
constexpr std::size_t inline_bytes = 40;

// A lane with four calls, of which two are answered; one payload of each side lies in an arena.
class Lane : public Victim {
public:
  Lane() {
    (void)arenas_.open(1, arena_.bytes());
    const std::array<std::byte, inline_bytes> bytes{std::byte{1}};
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      const auto position = caller_.try_claim().position;
      if (i % 2 == 0) {
        caller_.fill(position, {.method = 1}, bytes);
      } else {
        caller_.fill_arena(position, {.method = 1}, frame::payload_word(1, 64), arena_bytes - 64);
      }
      caller_.publish(position, false);
    }
  }

protected:
  void answer(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      Request request;
      (void)server_.poll(arenas_, request);
      server_.start(0, request.position, request.deadline);
      const bool is_inline = i % 2 == 0;
      server_.publish_reply(request.position, CallStatus::ok, 0, is_inline ? inline_bytes : 128,
                            is_inline ? 0 : frame::payload_word(1, 64));
      if (i + 1 != count) {
        server_.finish(0); // of the last one it dies
      }
    }
  }
  template <class T>
  [[nodiscard]] T& in_client(std::size_t offset) {
    return client_.at<T>(offset);
  }
  template <class T>
  [[nodiscard]] T& in_runner(std::size_t offset) {
    return runner_.at<T>(offset);
  }
  // What a slot or an arena holds.
  [[nodiscard]] std::string check(std::span<const std::byte> bytes, const Guarded& side) {
    sum_ += touch(bytes);
    return bytes.empty() || side.holds(bytes) || arena_.holds(bytes) ? "" : "a payload in foreign memory";
  }

  Guarded client_{client_body_bytes(shape)};
  Guarded runner_{runner_body_bytes(shape)};
  Guarded arena_{arena_bytes};
  frame::ArenaViews arenas_;
  LaneServer<> server_{shape, runner_.bytes(), client_.bytes(), first};
  LaneCaller<> caller_{shape, client_.bytes(), runner_.bytes(), first};
  std::uint64_t sum_ = 0;
};

// The runner is hostile.
class Replies final : public Lane {
public:
  Replies() { answer(answered); }
  std::vector<Field> fields() override {
    std::vector<Field> fields{in_runner<LaneControl>(0).closed};
    for (std::uint64_t i = 0; i < answered; ++i) {
      auto& reply = in_runner<ReplyHeader>(reply_offset(shape, first + i));
      fields.insert(fields.end(), {reply.stamp, reply.payload, reply.status, reply.payload_bytes});
    }
    return fields;
  }
  std::string read() override {
    for (std::uint64_t i = 0; i < answered; ++i) {
      ReplyView view;
      if (caller_.poll(first + i, arenas_, view) == Polled::replied) {
        if (static_cast<std::uint32_t>(view.status) >= call_status_count) {
          return "a status that there is not";
        }
        if (auto wrong = check(view.bytes, runner_); !wrong.empty()) {
          return wrong;
        }
      }
    }
    return {};
  }

private:
  static constexpr std::uint64_t answered = 2;
};

// The runner is dead, and a stray child of it goes on writing.
class Fates final : public Lane {
public:
  Fates() { answer(2); }
  std::vector<Field> fields() override {
    auto& progress = in_runner<Progress>(progress_offset);
    std::vector<Field> fields{in_runner<LaneControl>(0).closed, progress.first_stamp, progress.deadline_ns,
                              progress.count, progress.check};
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      fields.emplace_back(in_runner<ReplyHeader>(reply_offset(shape, first + i)).stamp);
    }
    return fields;
  }
  std::string read() override {
    const auto fates = caller_.classify();
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      const auto fate = fates.of(first + i);
      if (fate != Fate::queued && fate != Fate::started && fate != Fate::replied) {
        return "a fate that there is not";
      }
      sum_ += static_cast<std::uint64_t>(caller_.close_verdict(first + i));
    }
    sum_ += progress_hint(runner_.bytes(), 0).count;
    return {};
  }
};

// The client is hostile.
class Requests final : public Lane {
public:
  std::vector<Field> fields() override {
    std::vector<Field> fields;
    for (std::uint64_t i = 0; i < shape.slots; ++i) {
      auto& request = in_client<RequestHeader>(request_offset(shape, first + i));
      auto& cold = in_client<ColdLine>(cold_offset(shape, first + i));
      fields.insert(fields.end(), {request.stamp, request.deadline_ns, request.payload, request.method,
                                   request.payload_bytes, cold.awaited, cold.released, cold.cancel});
    }
    return fields;
  }
  std::string read() override {
    std::uint64_t taken = 0;
    Request request;
    for (Taken kind{}; (kind = server_.poll(arenas_, request)) != Taken::nothing && taken <= shape.slots; ++taken) {
      if (kind == Taken::request) {
        if (auto wrong = check(request.payload, client_); !wrong.empty()) {
          return wrong;
        }
      } else if (!request.payload.empty()) {
        return "a payload of a request that was refused";
      }
      sum_ += server_.is_cancelled(request.position) ? 1 : 0;
      sum_ += server_.is_released(request.position) ? 1 : 0;
    }
    return {};
  }
};

// A client of a scheduler that writes nonsense into the route.
class Routes final : public Victim {
public:
  std::vector<Field> fields() override { return route_.fields(); }
  std::string read() override {
    const auto reader = route_.reader();
    return AttackedRoute::look_up(reader, reader.epoch());
  }

private:
  AttackedRoute route_;
};

template <class V>
Attack attack_on(std::string name) {
  return {.name = std::move(name), .make = [] { return std::make_unique<V>(); }};
}

} // namespace

int main(int argc, char** argv) {
  return flip_main(
      argc, argv, "flip_call",
      {attack_on<Replies>("replies of a hostile runner"), attack_on<Fates>("fates of the calls of a dead runner"),
       attack_on<Requests>("requests of a hostile client"), attack_on<Routes>("the route of a scheduler gone wrong")});
}
