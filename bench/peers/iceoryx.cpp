//   client --loan, publish--> server
//   client <--loan, publish-- server        chunks of shared memory, handed round by offset; RouDi owns the memory
//
// RouDi is started for the row, with one pool of chunks of the payload's size. Both sides are children of ours: a
// process can meet only one RouDi in its life.

#include "peers/peers.hpp"

#include "peers/missing.hpp"

#include <string>

#if RINGFLEET_BENCH_ICEORYX

#include "harness/payload.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ringfleet::bench {
namespace {

constexpr const char* roudi_program = "iox-roudi";
constexpr std::uint64_t end_of_run = ~std::uint64_t{0};

void look_again_soon() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

class RouDi {
public:
  explicit RouDi(std::size_t bytes) : config_(fmt::format("/tmp/ringfleet-bench-roudi-{}.toml", getpid())) {
    std::ofstream(config_) << fmt::format(
        "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = {}\ncount = 8\n", bytes);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    std::string program = roudi_program;
    std::string option = "-c";
    std::string silence[] = {"-l", "off", "-m", "off"};
    char* arguments[] = {program.data(),    option.data(),     config_.data(),    silence[0].data(),
                         silence[1].data(), silence[2].data(), silence[3].data(), nullptr};
    const int result = posix_spawnp(&pid_, roudi_program, &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0) {
      throw Error::from_errno("start iox-roudi", result, "install it: apt-get install iceoryx");
    }
  }
  ~RouDi() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    std::remove(config_.c_str());
  }
  RouDi(const RouDi&) = delete;
  RouDi& operator=(const RouDi&) = delete;

private:
  std::string config_;
  pid_t pid_ = -1;
};

class Ports {
public:
  Ports(const char* name, const char* sends, const char* receives)
      : runtime_(iox::runtime::PoshRuntime::initRuntime(
            iox::RuntimeName_t(iox::cxx::TruncateToCapacity, fmt::format("ringfleet-{}-{}", name, getpid())))),
        publisher_(topic(sends)), subscriber_(topic(receives), options()) {
    while (!publisher_.hasSubscribers() || subscriber_.getSubscriptionState() != iox::SubscribeState::SUBSCRIBED) {
      look_again_soon();
    }
  }
  void send(std::uint64_t number, std::size_t bytes) {
    publisher_.loan(static_cast<std::uint32_t>(bytes))
        .and_then([&](void* chunk) {
          std::memcpy(chunk, &number, sizeof number);
          std::memcpy(static_cast<char*>(chunk) + bytes - sizeof number, &number, sizeof number);
          publisher_.publish(chunk);
        })
        .or_else([](auto&) { throw Error(ErrorCode::wrong_state, "iceoryx lends no chunk"); });
  }
  [[nodiscard]] std::uint64_t receive(std::size_t bytes) {
    std::uint64_t number = 0;
    bool is_there = false;
    while (!is_there) {
      subscriber_.take().and_then([&](const void* chunk) {
        std::uint64_t last = 0;
        std::memcpy(&number, chunk, sizeof number);
        std::memcpy(&last, static_cast<const char*>(chunk) + bytes - sizeof last, sizeof last);
        subscriber_.release(chunk);
        if (number != last) {
          throw Error(ErrorCode::bad_message, "the payload differs from what was sent");
        }
        is_there = true;
      });
    }
    return number;
  }

private:
  static iox::capro::ServiceDescription topic(const char* name) {
    return {"ringfleet", "bench", iox::capro::IdString_t(iox::cxx::TruncateToCapacity, name)};
  }
  static iox::popo::SubscriberOptions options() {
    iox::popo::SubscriberOptions options;
    options.queueCapacity = 2;
    return options;
  }

  iox::runtime::PoshRuntime& runtime_;
  iox::popo::UntypedPublisher publisher_;
  iox::popo::UntypedSubscriber subscriber_;
};

Sample measure(const Slice& slice, std::size_t bytes) {
  struct Found {
    Histogram latency;
    double ops_per_s;
  };
  SharedMemory memory(sizeof(Found));
  auto& found = memory.as<Found>();
  RouDi roudi(bytes);
  PeerProcess server(slice.server_core, [&] {
    Ports ports("server", "back", "there");
    std::uint64_t number = 0;
    while (number != end_of_run) {
      number = ports.receive(bytes);
      ports.send(number, bytes);
    }
    while (true) { // until the client is done with the chunks of this process
      look_again_soon();
    }
  });
  PeerProcess client(slice.client_core, [&] {
    Ports ports("client", "there", "back");
    std::uint64_t number = 0;
    const auto trip = [&](std::uint64_t value) {
      ports.send(value, bytes);
      if (ports.receive(bytes) != value) {
        throw Error(ErrorCode::bad_message, "the answer belongs to another question");
      }
    };
    const Sample sample = time_trips(slice, [&] { trip(++number); });
    trip(end_of_run);
    found = {sample.latency, sample.ops_per_s};
  });
  client.join();
  Sample sample;
  sample.latency = found.latency;
  sample.ops_per_s = found.ops_per_s;
  return sample;
}

} // namespace

Row peer_iceoryx(std::size_t bytes) {
  return {.name = "peer_iceoryx",
          .parameters = {{"bytes", std::to_string(bytes)}},
          .measure = [bytes](const Slice& slice) { return measure(slice, bytes); }};
}

} // namespace ringfleet::bench

#else

namespace ringfleet::bench {

Row peer_iceoryx(std::size_t bytes) {
  return missing_row("peer_iceoryx", {{"bytes", std::to_string(bytes)}},
                     "built without iceoryx 2.0 (libiceoryx-posh-dev, iceoryx)");
}

} // namespace ringfleet::bench

#endif
