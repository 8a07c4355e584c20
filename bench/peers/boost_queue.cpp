//   client --message_queue--> server
//   client <--message_queue-- server        shared memory, interprocess mutex and condition

#include "peers/peers.hpp"

#include "harness/payload.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"

#include <string>
#include <vector>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::bench {
namespace {

namespace ipc = boost::interprocess;

// The name is removed as soon as the queue exists, so nothing is left behind whoever is killed; the child inherits it.
class UnnamedQueue {
public:
  UnnamedQueue(const char* role, std::size_t bytes)
      : name_(fmt::format("ringfleet-bench-{}-{}", role, getpid())),
        queue_(ipc::create_only, name_.c_str(), depth, bytes) {
    ipc::message_queue::remove(name_.c_str());
  }
  [[nodiscard]] ipc::message_queue& get() noexcept { return queue_; }

private:
  static constexpr std::size_t depth = 32;
  std::string name_;
  ipc::message_queue queue_;
};

// An empty message ends the run.
void answer(ipc::message_queue& there, ipc::message_queue& back, std::size_t bytes) {
  std::vector<std::byte> buffer(bytes);
  ipc::message_queue::size_type received = 0;
  unsigned priority = 0;
  for (;;) {
    there.receive(buffer.data(), buffer.size(), received, priority);
    if (received == 0) {
      return;
    }
    back.send(buffer.data(), received, 0);
  }
}

Sample measure(const Slice& slice, std::size_t bytes) {
  UnnamedQueue there_queue("there", bytes);
  UnnamedQueue back_queue("back", bytes);
  ipc::message_queue& there = there_queue.get();
  ipc::message_queue& back = back_queue.get();
  PeerProcess peer(slice.server_core, [&] { answer(there, back, bytes); });
  pin_to(slice.client_core);
  Payload payload(bytes);
  Sample sample = time_trips(slice, [&] {
    const auto argument = payload.next();
    there.send(argument.data(), argument.size(), 0);
    ipc::message_queue::size_type received = 0;
    unsigned priority = 0;
    back.receive(payload.answer().data(), payload.answer().size(), received, priority);
    payload.verify(payload.answer().first(received));
  });
  there.send(nullptr, 0, 0);
  peer.join();
  return sample;
}

} // namespace

Row peer_boost_queue(std::size_t bytes) {
  return {.name = "peer_boost_queue",
          .parameters = {{"bytes", std::to_string(bytes)}},
          .measure = [bytes](const Slice& slice) { return measure(slice, bytes); }};
}

} // namespace ringfleet::bench
