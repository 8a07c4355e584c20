// Hostile clients on the control socket of a scheduler: any packets with any descriptors, in any order, from several
// connections that come, hang up and do not read, through the real socket into the real supervisor. They are answered,
// refused or dropped; the client that was there before is answered still, the next one is welcome, and of all of them
// no descriptor is left.

#include "ringfleet/fleet/detail/control_server.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

enum Step : std::uint8_t { message, text_of_a_size, raw, hello, lie, come, hang_up, listen_up, steps };

constexpr std::array types = {
    ControlType::client_hello,      ControlType::subscribe,    ControlType::lane_mapped_client,
    ControlType::lane_ready_client, ControlType::arena_wanted, ControlType::arena_mapped,
    ControlType::arena_ready,       ControlType::violation,    ControlType::epochs_mapped,
    ControlType::request,           ControlType::load,         ControlType::arena_refused,
    ControlType::lane_retired,      ControlType::welcome,      ControlType::response,
};

// What a client may have to give: files, sockets, memory, a poll of its own, and its end of the connection itself.
class Treasure {
public:
  Treasure() : memory_(::memfd_create("gift", MFD_CLOEXEC | MFD_ALLOW_SEALING)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a pair of sockets");
    one_ = os::Descriptor(ends[0]);
    other_ = os::Descriptor(ends[1]);
  }
  [[nodiscard]] std::vector<int> some(Input& input, int own) const {
    const std::array all{STDERR_FILENO, memory_.get(), poll_.get(), one_.get(), own};
    std::vector<int> chosen(input.take<std::uint8_t>() % 5);
    std::ranges::generate(chosen, [&] { return all[input.take<std::uint8_t>() % all.size()]; });
    return chosen;
  }

private:
  os::Descriptor memory_;
  os::Descriptor poll_;
  os::Descriptor one_;
  os::Descriptor other_;
};

void send_bytes(const call::ControlChannel& channel, std::span<const std::byte> bytes, const std::vector<int>& gifts) {
  if (!bytes.empty()) {
    os::Socket socket(channel.socket().descriptor().duplicate());
    (void)socket.send(bytes, gifts, 0);
  }
}

// A header of ours whose lengths, version or number of descriptors are not what comes with it.
void send_lie(const call::ControlChannel& channel, Input& input, const std::vector<int>& gifts) {
  call::ControlHeader header{};
  header.magic = call::control_magic;
  header.version = static_cast<std::uint16_t>(call::control_version + input.take<std::uint8_t>() % 2);
  header.type = input.take<std::uint8_t>();
  header.text_bytes = input.take<std::uint32_t>();
  header.descriptors = input.take<std::uint8_t>() % 8;
  std::vector<std::byte> packet(sizeof header);
  std::memcpy(packet.data(), &header, sizeof header);
  const auto text = input.take_bytes(input.take<std::uint8_t>());
  packet.insert(packet.end(), text.begin(), text.end());
  send_bytes(channel, packet, gifts);
}

void send_one(call::ControlChannel& channel, Step form, Input& input, const Treasure& treasure) {
  const auto gifts = treasure.some(input, channel.fd());
  if (form == raw) {
    send_bytes(channel, input.take_bytes(input.take<std::uint8_t>() + std::size_t{1}), gifts);
    return;
  }
  if (form == lie) {
    send_lie(channel, input, gifts);
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
  (void)channel.send(sent, gifts, 0);
}

// Answers are read and forgotten. True when one of this type was among them.
bool read_answers(call::ControlChannel& channel, ControlType wanted) {
  bool is_there = false;
  ControlMessage answer;
  while (channel.receive(answer) == os::SocketStatus::ok) {
    is_there = is_there || answer.type == wanted;
  }
  return is_there;
}

int next_descriptor() {
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  return next;
}

void play(Input& input) {
  Scheduler scheduler;
  const Treasure treasure;
  std::array<call::ControlChannel, 3> hostile;
  hostile[0] = scheduler.connect();
  auto earlier = scheduler.connect();
  call::ControlChannel later;
  (void)earlier.send({.type = ControlType::client_hello, .text = version});
  bool is_welcome = false;
  bool is_answered = false;
  // A packet is heard in the round after it was sent; a connection is accepted in one round and heard in the next.
  int rounds_left = 20;
  scheduler.run([&] {
    if (!input.empty()) {
      const auto step = static_cast<Step>(input.take<std::uint8_t>() % steps);
      auto& one = hostile[input.take<std::uint8_t>() % hostile.size()];
      if (step == come || !one) {
        one = scheduler.connect();
      } else if (step == hang_up) {
        one = {};
      } else if (step == listen_up) {
        (void)read_answers(one, ControlType::response);
      } else {
        send_one(one, step, input, treasure);
      }
      return true;
    }
    if (!later) {
      later = scheduler.connect();
      (void)later.send({.type = ControlType::client_hello, .text = version});
      (void)earlier.send({.type = ControlType::request, .text = "{}"});
    }
    is_welcome = is_welcome || read_answers(later, ControlType::welcome);
    is_answered = is_answered || read_answers(earlier, ControlType::response);
    return !(is_welcome && is_answered) && --rounds_left > 0;
  });
  require(is_welcome, "the next client is welcome");
  require(is_answered, "the client that was there before is answered");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int before = next_descriptor();
  Input input(data, size);
  play(input);
  require(next_descriptor() == before, "no descriptor is left of clients that are gone");
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  // Of the first connection, with no descriptors unless said otherwise.
  const auto begin = [](InputMaker& input, Step step, std::uint8_t gifts = 0) -> InputMaker& {
    input.add(step).add(std::uint8_t{0}).add(gifts);
    for (std::uint8_t i = 0; i < gifts; ++i) {
      input.add(i);
    }
    return input;
  };
  const auto fields = [](InputMaker& input, std::uint8_t type) -> InputMaker& {
    return input.add(type).add(std::uint8_t{1}).add(std::uint8_t{0}).add(std::uint16_t{2});
  };
  InputMaker honest;
  fields(begin(honest, hello), 0);
  InputMaker every;
  InputMaker large;
  InputMaker gifts;
  for (std::uint8_t type = 1; type < types.size(); ++type) {
    const std::string text = R"({"op": "status"})";
    fields(begin(every, hello), 0);
    fields(begin(every, message), type).add(static_cast<std::uint8_t>(text.size())).add_text(text);
    fields(begin(large, text_of_a_size), type).add(std::uint8_t{4});
    fields(begin(gifts, message, 4), type).add(std::uint8_t{0});
    gifts.add(listen_up).add(std::uint8_t{0});
  }
  InputMaker unknown;
  fields(begin(unknown, message), 0).add(std::uint8_t{3}).add_text("0.0");
  InputMaker lies;
  for (std::uint8_t descriptors = 0; descriptors < 4; ++descriptors) {
    begin(lies, lie, 2).add(std::uint8_t{0}).add(std::uint8_t{41}).add(std::uint32_t{3}).add(descriptors);
    lies.add(std::uint8_t{3}).add_text("abc");
  }
  InputMaker crowd;
  for (std::uint8_t i = 0; i < 6; ++i) {
    crowd.add(come).add(i);
    fields(crowd.add(hello).add(i).add(std::uint8_t{0}), 0);
    crowd.add(hang_up).add(static_cast<std::uint8_t>(i + 1));
  }
  InputMaker foreign;
  begin(foreign, raw).add(std::uint8_t{9}).add_text("not ours!!");
  return {honest.make(),  every.make(), large.make(), gifts.make(),
          unknown.make(), lies.make(),  crowd.make(), foreign.make()};
}
