//   client <--PAIR over ipc://--> server            source --PUSH, PULL over ipc://--> sink
//
// Unix sockets between two input/output threads of libzmq; the address is an abstract one, so nothing is left behind.

#include "peers/peers.hpp"

#include "peers/missing.hpp"

#include <string>

#if RINGFLEET_BENCH_ZEROMQ

#include "harness/payload.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"
#include "stream/payload_stream.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

namespace ringfleet::bench {
namespace {

struct EndContext {
  void operator()(void* context) const noexcept { zmq_ctx_term(context); }
};
struct CloseSocket {
  void operator()(void* socket) const noexcept { zmq_close(socket); }
};

void expect(int result, const char* what) {
  if (result < 0) {
    throw Error(ErrorCode::wrong_state, fmt::format("ZeroMQ: {}: {}", what, zmq_strerror(zmq_errno())));
  }
}

// Its threads are started where this is made, so each process makes its own, after the fork and on its core.
class Socket {
public:
  Socket(int type, const std::string& address, bool binds)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_.get(), type)) {
    if (!socket_) {
      throw Error(ErrorCode::wrong_state, "ZeroMQ gives no socket");
    }
    expect(binds ? zmq_bind(socket_.get(), address.c_str()) : zmq_connect(socket_.get(), address.c_str()), "attach");
  }
  void send(std::span<const std::byte> bytes) {
    expect(zmq_send(socket_.get(), bytes.data(), bytes.size(), 0), "send");
  }
  [[nodiscard]] std::size_t receive(std::span<std::byte> bytes) {
    const int received = zmq_recv(socket_.get(), bytes.data(), bytes.size(), 0);
    expect(received, "receive");
    return static_cast<std::size_t>(received);
  }
  // Zero: nothing came within a tenth of a second. A sink that would rather spin keeps the thread of libzmq, which runs
  // on the same core, from working.
  [[nodiscard]] std::size_t receive_soon(std::span<std::byte> bytes) {
    const int received = zmq_recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received < 0 && zmq_errno() == EAGAIN) {
      return 0;
    }
    expect(received, "receive");
    return static_cast<std::size_t>(received);
  }
  void give_up_after(int milliseconds) {
    expect(zmq_setsockopt(socket_.get(), ZMQ_RCVTIMEO, &milliseconds, sizeof milliseconds), "set a timeout");
  }

private:
  std::unique_ptr<void, EndContext> context_;
  std::unique_ptr<void, CloseSocket> socket_;
};

std::string address(const char* what) {
  return fmt::format("ipc://@ringfleet-bench-{}-{}", what, getpid());
}

Sample measure_trips(const Slice& slice, std::size_t bytes) {
  const std::string where = address("trip");
  PeerProcess server(slice.server_core, [&] {
    Socket socket(ZMQ_PAIR, where, true);
    std::vector<std::byte> buffer(bytes);
    while (const std::size_t received = socket.receive(buffer)) { // an empty message ends the run
      socket.send(std::span(buffer).first(received));
    }
  });
  pin_to(slice.client_core);
  Socket socket(ZMQ_PAIR, where, false);
  Payload payload(bytes);
  Sample sample = time_trips(slice, [&] {
    socket.send(payload.next());
    payload.verify(payload.answer().first(socket.receive(payload.answer())));
  });
  socket.send({});
  server.join();
  return sample;
}

Sample measure_stream(const Slice& slice, std::size_t bytes) {
  const std::string where = address("stream");
  SharedMemory memory(sizeof(StreamEnd));
  auto& end = memory.as<StreamEnd>();
  OtherSide source(Beside::process, slice.server_core, [&] {
    Socket socket(ZMQ_PUSH, where, true);
    StreamPayload payload(bytes);
    run_source(end, [&](std::uint64_t first) {
      for (std::uint64_t number = first; number != first + stream_block; ++number) {
        socket.send(payload.numbered(number));
      }
    });
    while (Atomics::load_acquire(end.drained) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  pin_to(slice.client_core);
  Socket socket(ZMQ_PULL, where, false);
  socket.give_up_after(100);
  PayloadChecker checker(bytes);
  std::vector<std::byte> buffer(bytes);
  return time_stream(slice, end, source, checker, [&]() -> std::uint64_t {
    const std::size_t received = socket.receive_soon(buffer);
    if (received == 0) {
      return 0;
    }
    checker.check(std::span(buffer).first(received));
    return 1;
  });
}

} // namespace

Row peer_zeromq(std::size_t bytes) {
  return {.name = "peer_zeromq",
          .parameters = {{"bytes", std::to_string(bytes)}},
          .measure = [bytes](const Slice& slice) { return measure_trips(slice, bytes); }};
}
Row peer_zeromq_stream(std::size_t bytes) {
  return {.name = "peer_zeromq",
          .parameters = {{"bytes", std::to_string(bytes)}},
          .measure = [bytes](const Slice& slice) { return measure_stream(slice, bytes); }};
}

} // namespace ringfleet::bench

#else

namespace ringfleet::bench {

Row peer_zeromq(std::size_t bytes) {
  return missing_row("peer_zeromq", {{"bytes", std::to_string(bytes)}}, "built without libzmq (libzmq3-dev)");
}
Row peer_zeromq_stream(std::size_t bytes) {
  return peer_zeromq(bytes);
}

} // namespace ringfleet::bench

#endif
