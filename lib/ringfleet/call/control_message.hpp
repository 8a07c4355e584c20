#pragma once

// The control plane's words: what scheduler, runners and clients tell each other over SOCK_SEQPACKET sockets. One
// message is one packet: a fixed header, a text, and descriptors beside it. No payload of a call ever travels here.
//
//    0      magic "RFCM"  | version, type
//    8 … 39 a, b, c, d: their meaning depends on the type, see ControlType
//   40      text_bytes    | descriptors
//   48      text
//
// Both ends are built from one source tree; a different `version` is refused by name (a CLI of another release).

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/socket.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ringfleet::call {

inline constexpr std::uint32_t control_magic = 0x4d434652; // "RFCM"
inline constexpr std::uint16_t control_version = 1;

// S = scheduler, R = runner, C = client. A runner that makes nested calls speaks as a client on its own socket.
// The numbers are the wire format of this control_version.
enum class ControlType : std::uint16_t {
  // S → R: text = LoadRequest; fds: artifact[, counter file]. Answered by loaded (text = ModuleDescription) or failed
  // (a = LoadFailure, b = the module's own code where there is one, text = one line).
  load = 1,
  loaded = 2,
  failed = 3,

  // A lane of the runner. offer: a = lane, b = slots, c = slot_bytes, d = workers | spin << 32, fd: R to be mapped
  // writable. open: fd C, sealed. From ready on the runner serves it.
  lane_offer = 10,  // S → R
  lane_mapped = 11, // R → S, a
  lane_open = 12,   // S → R, a, fd
  lane_ready = 13,  // R → S, a
  lane_drop = 14,   // S → R, a: the client is gone, or the lane is retired
  lane_dropped = 15,

  // Arenas. a = lane, b = arena number, c = bytes. An offer carries an fd for the writer of that side, an open the
  // sealed one for its reader. wanted: a, c = the size that did not fit. wanted → offer → mapped → open → ready; then S
  // passes `ready` on to the writer, who uses the arena from then on and not before: its reader knows it.
  arena_offer = 20,   // S → writer (runner for replies, client for requests)
  arena_mapped = 21,  // writer → S
  arena_wanted = 22,  // writer → S
  arena_open = 23,    // S → reader
  arena_ready = 24,   // reader → S, S → writer
  arena_refused = 25, // S → writer: a, c: it does not come (limits, no memory there). Writer or reader → S: a, b, c = 1
                      // from its writer: it could not be taken; before it is ready only

  probe = 30,     // S → R
  probed = 31,    // R → S: a = 0 or the health hook's code (as int64), text
  drain = 32,     // S → R: a = deadline ns: execute what is published, then close every lane
  drained = 33,   // R → S: a = calls executed in this runner's life
  stop = 34,      // S → R: shutdown hook, then exit(0)
  log = 35,       // R → S: a = level (0 debug … 3 error), text
  violation = 36, // R → S: a = lane, text: what the client of that lane wrote is not possible

  // Clients, and runners making nested calls.
  call_wanted = 40,        // R → S: a = number of the wanting module, text = module name; answered like subscribe
  client_hello = 41,       // C → S: a = pid, text = version
  welcome = 42,            // S → C: fds: route segment (read-only), epoch segment (as writer)
  refused = 43,            // S → C: text
  epochs_mapped = 54,      // C → S: the epoch segment is mapped
  subscribe = 44,          // C → S: text = module
  subscribed = 45,         // S → C: a = module number, b = its call timeout in ns, c = its generation, text = module
  lane_offer_client = 46,  // S → C: a, b = slots | module number << 32, c = slot_bytes | spin << 32, d = runner serial,
                           // text = ModuleDescription, fd: C to be mapped writable
  lane_mapped_client = 47, // C → S: a
  lane_open_client = 48,   // S → C: a, fds: R, pidfd of the runner
  lane_ready_client = 49,  // C → S: a
  runner_died = 50,        // S → C: a = serial, text = cause
  lane_retired = 51,       // S → C: a, text = why: an offered lane will never be opened. C → S: a: it cannot be taken
  lane_closed = 52,        // S → C: a: the runner has closed it; what it did not execute moves on
  route_changed = 53,      // S → C: a module failed or went, or another runner serves it: look at the route again
  request = 60,            // operator → S: text = JSON
  response = 61,           // S → operator: text = JSON
};

[[nodiscard]] std::string_view to_string(ControlType type) noexcept;

struct ControlHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t type;
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t c;
  std::uint64_t d;
  std::uint32_t text_bytes;
  std::uint32_t descriptors;
};
static_assert(sizeof(ControlHeader) == 48);
static_assert(offsetof(ControlHeader, a) == 8 && offsetof(ControlHeader, text_bytes) == 40);
static_assert(std::is_trivially_copyable_v<ControlHeader> && std::is_standard_layout_v<ControlHeader>);

inline constexpr std::size_t control_text_bytes_max = limits::control_message_bytes_max - sizeof(ControlHeader);

struct ControlMessage {
  ControlType type{};
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  std::uint64_t d = 0;
  std::string text = {};
  std::vector<os::Descriptor> descriptors = {}; // received ones; send() takes borrowed numbers instead
};

// A text that is for people, cut where it would not fit a message: a peer may have put its own words into it.
[[nodiscard]] std::string cut_text(std::string text);

// One end of a control connection. Moves, does not copy.
class ControlChannel {
public:
  ControlChannel() noexcept = default;
  explicit ControlChannel(os::Socket socket) noexcept : socket_(std::move(socket)) {}

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(socket_); }
  [[nodiscard]] int fd() const noexcept { return socket_.fd(); }
  [[nodiscard]] const os::Socket& socket() const noexcept { return socket_; }
  void close() noexcept { socket_.close(); }

  // Any thread, several at a time: a packet is sent whole or not at all. Waits for room until `deadline`. The
  // descriptors stay open here. `closed` when the peer is dead. Throws Error(limit_reached) for a text longer than
  // control_text_bytes_max or too many descriptors.
  [[nodiscard]] os::SocketStatus send(const ControlMessage& message, std::span<const int> descriptors = {},
                                      MonotonicNs deadline = never);

  // One thread at a time. Waits until `deadline` (0: does not wait). `into` is replaced only when the result is ok.
  // Throws Error: bad_message (not ours, or its lengths do not add up), version_mismatch, no_descriptors (descriptors
  // were lost because this process has reached its limit). After any of them the next receive() goes on with the next
  // packet; whether to trust that peer further is the caller's decision.
  [[nodiscard]] os::SocketStatus receive(ControlMessage& into, MonotonicNs deadline = 0);

private:
  os::Socket socket_;
  // Of receive(), made on first use and not cleared: of its pages only those that messages reach cost memory.
  std::unique_ptr<std::byte[]> buffer_;
};

} // namespace ringfleet::call
