// A hostile client on the control socket of a scheduler: any packets, in any order, through the real socket into the
// real supervisor. It is answered, refused or dropped; the scheduler goes on and serves the next one.

#include "ringfleet/fleet/detail/control_server.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"

#include <array>
#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using call::ControlMessage;
using call::ControlType;

namespace {

// A scheduler without modules, in this thread.
class Scheduler {
public:
  Scheduler()
      : path_("/tmp/ringfleet-fuzz-" + std::to_string(::getpid())),
        route_(memory::create_anonymous_segment("route", {memory::SegmentKind::route, sizeof(fleet::RouteLayout)})),
        route_segment_(memory::Segment::attach_writer(
            route_.duplicate(), {memory::SegmentKind::route, sizeof(fleet::RouteLayout)}, "route")),
        supervisor_(options(), loop_, *reinterpret_cast<fleet::RouteLayout*>(route_segment_.writable_body().data())),
        server_(path_, loop_, supervisor_, route_, &Scheduler::on_request) {}

  // `turn()` is called after each round of the loop, until it answers false.
  template <class Turn>
  void run(Turn&& turn) {
    loop_.run([] { return MonotonicNs{0}; },
              [&](MonotonicNs) {
                if (!turn()) {
                  loop_.stop();
                }
              });
  }
  [[nodiscard]] call::ControlChannel connect() const { return call::ControlChannel(os::Socket::connect(path_)); }

private:
  static fleet::SupervisorOptions options() {
    fleet::SupervisorOptions options;
    options.fleet_name = "fuzzed";
    options.on_event = [](std::string_view) {};
    options.on_log = [](const LogLine&) {};
    return options;
  }
  // As Scheduler::on_request does it.
  static void on_request(const std::string& json, const fleet::ControlServer::Answer& answer) {
    try {
      const auto request = fleet::operator_request_from_json(json);
      throw Error(ErrorCode::bad_message, "operator request '" + request.op + "'");
    } catch (const Error& error) {
      answer(fleet::to_json(error));
    }
  }

  std::string path_;
  fleet::EventLoop loop_;
  os::Descriptor route_;
  memory::Segment route_segment_;
  fleet::Supervisor supervisor_;
  fleet::ControlServer server_;
};

enum Form : std::uint8_t { message, text_of_a_size, raw, hello, forms };

constexpr std::array types = {
    ControlType::client_hello,      ControlType::subscribe,    ControlType::lane_mapped_client,
    ControlType::lane_ready_client, ControlType::arena_wanted, ControlType::arena_mapped,
    ControlType::arena_ready,       ControlType::violation,    ControlType::epochs_mapped,
    ControlType::request,           ControlType::load};

void send_one(call::ControlChannel& channel, Input& input) {
  const auto form = static_cast<Form>(input.take<std::uint8_t>() % forms);
  if (form == raw) {
    const auto bytes = input.take_bytes(input.take<std::uint8_t>() + std::size_t{1});
    if (!bytes.empty()) {
      os::Socket socket(channel.socket().descriptor().duplicate());
      (void)socket.send(bytes, {}, 0);
    }
    return;
  }
  ControlMessage sent;
  sent.type = types[input.take<std::uint8_t>() % types.size()];
  sent.a = input.take<std::uint8_t>();
  sent.b = input.take<std::uint8_t>();
  sent.c = input.take<std::uint16_t>();
  if (form == hello) {
    sent.type = ControlType::client_hello;
    sent.text = version;
  } else if (form == text_of_a_size) {
    sent.text.assign(call::control_text_bytes_max - input.take<std::uint8_t>(), 'x');
  } else {
    sent.text = input.take_text(input.take<std::uint8_t>());
  }
  const std::array descriptors = {STDERR_FILENO};
  (void)channel.send(sent, std::span<const int>(descriptors).first(sent.b % 2), 0);
}

void read_answers(call::ControlChannel& channel) {
  ControlMessage answer;
  while (channel.receive(answer) == os::SocketStatus::ok) {
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Scheduler scheduler;
  auto hostile = scheduler.connect();
  call::ControlChannel honest;
  bool is_welcome = false;
  // A packet is heard in the round after it was sent; a connection is accepted in one round and heard in the next.
  int rounds_left = 20;
  scheduler.run([&] {
    read_answers(hostile);
    if (!input.empty()) {
      send_one(hostile, input);
      return true;
    }
    if (!honest) {
      honest = scheduler.connect();
      (void)honest.send({.type = ControlType::client_hello, .text = version});
    }
    ControlMessage answer;
    is_welcome = is_welcome || (honest.receive(answer) == os::SocketStatus::ok && answer.type == ControlType::welcome);
    return !is_welcome && --rounds_left > 0;
  });
  require(is_welcome, "the next client is welcome");
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  const auto fields = [](InputMaker& input, std::uint8_t type) -> InputMaker& {
    return input.add(type).add(std::uint8_t{1}).add(std::uint8_t{0}).add(std::uint16_t{2});
  };
  InputMaker honest;
  fields(honest.add(hello), 0);
  InputMaker every;
  InputMaker large;
  for (std::uint8_t type = 1; type < types.size(); ++type) {
    const std::string text = R"({"op": "status"})";
    fields(every.add(hello), 0);
    fields(every.add(message), type).add(static_cast<std::uint8_t>(text.size())).add_text(text);
    fields(large.add(text_of_a_size), type).add(std::uint8_t{4});
  }
  InputMaker unknown;
  fields(unknown.add(message), 0).add(std::uint8_t{3}).add_text("0.0");
  return {honest.make(), every.make(), large.make(), unknown.make(),
          InputMaker().add(raw).add(std::uint8_t{9}).add_text("not ours!!").make()};
}
