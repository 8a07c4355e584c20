// Packets on a control socket, and the texts of the load handshake. A packet is taken whole or refused by name, with
// all its descriptors; what was taken is sent again as the same packet.

#include "ringfleet/call/control_message.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/handshake.hpp"

#include <array>
#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

bool is_same(const call::ControlMessage& a, const call::ControlMessage& b) {
  return a.type == b.type && a.a == b.a && a.b == b.b && a.c == b.c && a.d == b.d && a.text == b.text &&
         a.descriptors.size() == b.descriptors.size();
}

// Any bytes, with some descriptors beside them.
void check_packet(std::span<const std::byte> packet, std::size_t descriptors) {
  auto [near, far] = os::Socket::pair();
  const std::vector<int> passed(descriptors, STDERR_FILENO);
  if (packet.empty() || near.send(packet, passed, 0) != os::SocketStatus::ok) {
    return;
  }
  call::ControlChannel channel(std::move(far));
  call::ControlMessage message;
  try {
    require(channel.receive(message) == os::SocketStatus::ok, "a packet that was sent arrives");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::bad_message || error.code() == ErrorCode::version_mismatch,
            "a packet that is refused is refused by name");
    require(channel.receive(message) == os::SocketStatus::would_block, "the packet is gone");
    return;
  }
  require(message.text.size() == packet.size() - sizeof(call::ControlHeader), "all of the text, and no more");
  require(message.descriptors.size() == descriptors, "all descriptors");
  const call::ControlChannel back(std::move(near));
  call::ControlChannel sender(os::Socket(back.socket().descriptor().duplicate()));
  require(sender.send(message, passed, 0) == os::SocketStatus::ok, "what was received can be sent");
  call::ControlMessage again;
  require(channel.receive(again) == os::SocketStatus::ok && is_same(message, again), "the same message again");
}

template <class Decode>
void check_text(std::string_view text, Decode&& decode) {
  try {
    const auto value = decode(text);
    const auto again = call::encode(value);
    require(call::encode(decode(again)) == again, "what was encoded is decoded as the same");
    require(again.size() <= 2 * text.size() + 64, "what was decoded is not longer than its text");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::bad_message, "a handshake text is refused by name");
  }
}

Bytes packet_seed(call::ControlType type, std::string_view text, std::uint8_t descriptors) {
  call::ControlHeader header{};
  header.magic = call::control_magic;
  header.version = call::control_version;
  header.type = static_cast<std::uint16_t>(type);
  header.a = 1;
  header.b = 2;
  header.text_bytes = static_cast<std::uint32_t>(text.size());
  header.descriptors = descriptors;
  return InputMaker().add(std::uint8_t{0}).add(descriptors).add(header).add_text(text).make();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto what = input.take<std::uint8_t>();
  if (what % 4 == 0) {
    const auto descriptors = input.take<std::uint8_t>() % (limits::control_descriptors_max + 1);
    check_packet(input.rest(), descriptors);
    return 0;
  }
  const auto text = input.take_text(size);
  check_text(text, &call::decode_load_request);
  check_text(text, &call::decode_module_description);
  (void)call::to_string(static_cast<call::ControlType>(what));
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  const auto load =
      call::encode(call::LoadRequest{"zstd", 3, "zstd.so", R"({"level": 3})", "/modules", 1ULL << 33, 256});
  call::ModuleDescription description;
  description.abi = 2;
  description.id = "zstd";
  description.methods.push_back({"compress", 7, true, "makes it small"});
  description.dependencies.push_back({"other", "1.2", true});
  const auto loaded = call::encode(description);
  return {packet_seed(call::ControlType::load, load, 2), packet_seed(call::ControlType::loaded, loaded, 0),
          packet_seed(call::ControlType::drain, "", 0), InputMaker().add(std::uint8_t{1}).add_text(load).make(),
          InputMaker().add(std::uint8_t{1}).add_text(loaded).make()};
}
