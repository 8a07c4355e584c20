#include "ringfleet/call/control_message.hpp"

#include "ringfleet/base/error.hpp"

#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/uio.h>

namespace ringfleet::call {

std::string_view to_string(ControlType type) noexcept {
  switch (type) {
  case ControlType::load: return "load";
  case ControlType::loaded: return "loaded";
  case ControlType::failed: return "failed";
  case ControlType::lane_offer: return "lane_offer";
  case ControlType::lane_mapped: return "lane_mapped";
  case ControlType::lane_open: return "lane_open";
  case ControlType::lane_ready: return "lane_ready";
  case ControlType::lane_drop: return "lane_drop";
  case ControlType::lane_dropped: return "lane_dropped";
  case ControlType::arena_offer: return "arena_offer";
  case ControlType::arena_mapped: return "arena_mapped";
  case ControlType::arena_wanted: return "arena_wanted";
  case ControlType::arena_open: return "arena_open";
  case ControlType::arena_ready: return "arena_ready";
  case ControlType::arena_refused: return "arena_refused";
  case ControlType::probe: return "probe";
  case ControlType::probed: return "probed";
  case ControlType::drain: return "drain";
  case ControlType::drained: return "drained";
  case ControlType::stop: return "stop";
  case ControlType::log: return "log";
  case ControlType::violation: return "violation";
  case ControlType::call_wanted: return "call_wanted";
  case ControlType::client_hello: return "client_hello";
  case ControlType::welcome: return "welcome";
  case ControlType::refused: return "refused";
  case ControlType::subscribe: return "subscribe";
  case ControlType::subscribed: return "subscribed";
  case ControlType::lane_offer_client: return "lane_offer_client";
  case ControlType::lane_mapped_client: return "lane_mapped_client";
  case ControlType::lane_open_client: return "lane_open_client";
  case ControlType::lane_ready_client: return "lane_ready_client";
  case ControlType::runner_died: return "runner_died";
  case ControlType::lane_retired: return "lane_retired";
  case ControlType::lane_closed: return "lane_closed";
  case ControlType::route_changed: return "route_changed";
  case ControlType::epochs_mapped: return "epochs_mapped";
  case ControlType::request: return "request";
  case ControlType::response: return "response";
  }
  return "unknown";
}

std::string cut_text(std::string text) {
  constexpr std::string_view mark = " …";
  if (text.size() > control_text_bytes_max) {
    text.resize(control_text_bytes_max - mark.size());
    text += mark;
  }
  return text;
}

os::SocketStatus ControlChannel::send(const ControlMessage& message, std::span<const int> descriptors,
                                      MonotonicNs deadline) {
  if (message.text.size() > control_text_bytes_max || descriptors.size() > limits::control_descriptors_max) {
    throw Error(
        ErrorCode::limit_reached,
        fmt::format("send control message '{}' with {} bytes of text and {} descriptors", to_string(message.type),
                    message.text.size(), descriptors.size()),
        fmt::format("at most {} bytes and {} descriptors", control_text_bytes_max, limits::control_descriptors_max));
  }
  ControlHeader header{};
  header.magic = control_magic;
  header.version = control_version;
  header.type = static_cast<std::uint16_t>(message.type);
  header.a = message.a;
  header.b = message.b;
  header.c = message.c;
  header.d = message.d;
  header.text_bytes = static_cast<std::uint32_t>(message.text.size());
  header.descriptors = static_cast<std::uint32_t>(descriptors.size());
  const std::array<iovec, 2> parts{
      iovec{&header, sizeof header},
      iovec{const_cast<char*>(message.text.data()), message.text.size()},
  };
  return socket_.send(parts, descriptors, deadline);
}

os::SocketStatus ControlChannel::receive(ControlMessage& into, MonotonicNs deadline) {
  if (!buffer_) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(limits::control_message_bytes_max);
  }
  os::Received received = socket_.receive({buffer_.get(), limits::control_message_bytes_max}, deadline);
  if (received.status != os::SocketStatus::ok) {
    return received.status;
  }
  ControlHeader header{};
  if (received.bytes < sizeof header) {
    throw Error(ErrorCode::bad_message, fmt::format("control message of {} bytes", received.bytes),
                "the peer is not a ringfleet program");
  }
  std::memcpy(&header, buffer_.get(), sizeof header);
  if (header.magic != control_magic) {
    throw Error(ErrorCode::bad_message, fmt::format("control message with magic {:#010x}", header.magic),
                "the peer is not a ringfleet program");
  }
  if (header.version != control_version) {
    throw Error(
        ErrorCode::version_mismatch,
        fmt::format("control message of version {}, this program speaks version {}", header.version, control_version),
        "use programs of one ringfleet release together");
  }
  if (header.text_bytes != received.bytes - sizeof header || header.descriptors != received.descriptors.size()) {
    throw Error(ErrorCode::bad_message,
                fmt::format("control message '{}' announces {} bytes of text and {} descriptors, and has {} and {}",
                            to_string(static_cast<ControlType>(header.type)), header.text_bytes, header.descriptors,
                            received.bytes - sizeof header, received.descriptors.size()));
  }
  into.type = static_cast<ControlType>(header.type);
  into.a = header.a;
  into.b = header.b;
  into.c = header.c;
  into.d = header.d;
  into.text.assign(reinterpret_cast<const char*>(buffer_.get()) + sizeof header, header.text_bytes);
  into.descriptors = std::move(received.descriptors);
  return os::SocketStatus::ok;
}

} // namespace ringfleet::call
