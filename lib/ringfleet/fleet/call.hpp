#pragma once

// What a caller holds: a method of a module, a call under way, and its reply. `Fleet` and `Client` make `Method`s;
// everything here works the same on both. Nothing in this file throws on the call path: every outcome is a `Reply` with
// a status.
//
// Lifetime: a Method, PendingCall or Reply must not outlive the Fleet or Client it came from. Replies read the runner's
// memory in place; keep them short, or copy the bytes.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/status.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet {

namespace fleet {
class ClientCore;
class LaneEntry;
class ModuleView;
} // namespace fleet

struct CallOptions {
  // Counted from the start of the call, waiting for a free slot or a restarting runner included. None: the module's
  // `call_timeout` from the topology.
  std::optional<Nanoseconds> timeout = std::nullopt;
};

// The outcome of one call. Move-only. A reply that is `ok()` or a `module_error` may hold its slot of the lane until it
// is destroyed or `release()`d, so that its bytes can be read where the runner wrote them (zero-copy).
class Reply {
public:
  Reply() noexcept = default;
  Reply(Reply&& other) noexcept;
  Reply& operator=(Reply&& other) noexcept;
  ~Reply();

  [[nodiscard]] CallStatus status() const noexcept { return status_; }
  [[nodiscard]] bool ok() const noexcept { return status_ == CallStatus::ok; }
  // What the module returned when the status is `module_error`; 0 otherwise.
  [[nodiscard]] std::int32_t module_code() const noexcept { return module_code_; }

  // The reply bytes: valid until release() or destruction, also when the runner dies meanwhile. They lie in memory that
  // the runner may still write when it is hostile or broken: copy before validating where that matters.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] std::vector<std::byte> copy() const { return {bytes_.begin(), bytes_.end()}; }

  // One sentence naming module, method, runner and cause; empty when ok().
  [[nodiscard]] std::string error() const;
  // Serial of the runner that answered or died; 0 when none was reached.
  [[nodiscard]] std::uint64_t runner() const noexcept { return runner_; }
  // Version of the module that answered; empty when none did. Valid as long as the Fleet or Client, which keeps the
  // names of the first 1024 different versions that it meets for that; every further one is "unknown" here.
  [[nodiscard]] std::string_view version() const noexcept { return version_; }
  // How often the call was moved to another runner before it was answered (redelivery of a queued call, retry of an
  // idempotent one).
  [[nodiscard]] std::uint32_t retries() const noexcept { return retries_; }

  // Gives the slot back to the lane now; bytes() is empty afterwards.
  void release() noexcept;

private:
  friend class fleet::ClientCore;
  void swap(Reply& other) noexcept;

  CallStatus status_ = CallStatus::shut_down;
  std::int32_t module_code_ = 0;
  std::uint32_t retries_ = 0;
  std::uint64_t runner_ = 0;
  std::string_view version_;
  std::span<const std::byte> bytes_;
  std::vector<std::byte> owned_;     // the bytes, when the reply had to leave its slot
  fleet::LaneEntry* lane_ = nullptr; // set while a slot is held
  std::uint64_t position_ = 0;
  std::string error_;
};

// A call that was started and not yet collected. Move-only. Destroying it abandons the call: it may still execute, its
// reply is dropped, its slot is reclaimed.
class PendingCall {
public:
  PendingCall() noexcept = default;
  PendingCall(PendingCall&& other) noexcept;
  PendingCall& operator=(PendingCall&& other) noexcept;
  ~PendingCall();

  // Is there a reply (or a final error) to collect without waiting? No system call.
  [[nodiscard]] bool ready() const noexcept;
  // Waits until the call's deadline at most; afterwards this object is empty. Call once.
  [[nodiscard]] Reply get();
  // Asks the runner not to start the call, or the module (through its `cancelled` service) to stop early. Final only by
  // the reply: collect it with get(), which says `cancelled` or, when the module had finished before, the ordinary
  // reply.
  void cancel() noexcept;
  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

private:
  friend class fleet::ClientCore;
  void swap(PendingCall& other) noexcept;

  fleet::ClientCore* core_ = nullptr;
  fleet::ModuleView* module_ = nullptr;
  fleet::LaneEntry* lane_ = nullptr; // none: failed at start, `failure_` says how
  std::uint64_t position_ = 0;
  std::uint32_t method_ = 0;
  MonotonicNs deadline_ = 0;
  std::unique_ptr<Reply> failure_;
};

// A method of a module, resolved once; copyable, cheap, usable by any number of threads at the same time.
class Method {
public:
  Method() noexcept = default;

  // Sends `args` (copied before the function returns or waits) and waits for the reply, until the deadline at most;
  // when no runner takes it, up to 100 ms longer, while the scheduler is asked why.
  [[nodiscard]] Reply call(std::span<const std::byte> args, CallOptions options = {}) const;
  [[nodiscard]] Reply call(std::string_view args, CallOptions options = {}) const {
    return call(std::as_bytes(std::span(args)), options);
  }
  // Starts the call and returns at once; waits only, and until the deadline at most, while every lane is full. At most
  // `slots` calls are in flight per runner and client.
  [[nodiscard]] PendingCall start(std::span<const std::byte> args, CallOptions options = {}) const;
  [[nodiscard]] PendingCall start(std::string_view args, CallOptions options = {}) const {
    return start(std::as_bytes(std::span(args)), options);
  }

private:
  friend class fleet::ClientCore;

  fleet::ClientCore* core_ = nullptr;
  fleet::ModuleView* module_ = nullptr;
  std::uint32_t id_ = 0;
};

} // namespace ringfleet
