// What sleeping costs: a round trip whose two sides have gone to sleep, a reader that waits for nothing, and a publish
// when nobody sleeps.
//
//   client, core A                                   server, core B
//   sleeps a millisecond                             parked on the ring, or on the lane
//   publish, wake  --[8 B]------------------------>  read
//   climbs its ladder, parks   <--[8 B]------------  publish, wake
//
// `ours_ring`: two park rings. `ours_lane`: a call over a lane that may park. `floor_futex`: the same with nothing but
// two futex words. `ours_idle`: a parked reader, as the part of a core that it uses, in percent. `ours_publish`:
// publishing through a park ring whose reader is awake, with the system calls made for it.

#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "harness/payload.hpp"
#include "harness/process.hpp"
#include "harness/trips.hpp"
#include "lane/echo_lane.hpp"
#include "lane/lane_trip.hpp"
#include "stream/ring_memory.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/ring.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <thread>

#include <sys/resource.h>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

using Number = std::uint64_t;
using NumberRing = RingInMemory<Number>;

constexpr Number end_of_run = std::numeric_limits<Number>::max();
constexpr ring::BarrierOptions parks{.waiting = ring::Waiting::park, .shared = true};

ring::Reader<Number> join(NumberRing& ring) {
  return *ring::Reader<Number>::join(ring.memory(), 0, {}, parks);
}
void send(ring::Producer<Number>& producer, Number number) {
  if (producer.try_push(number) != ring::ClaimResult::claimed) {
    throw Error(ErrorCode::wrong_state, "the ring has no room for a number");
  }
}
Number receive(ring::Reader<Number>& reader) {
  while (reader.wait(1, never) != ring::BarrierResult::reached) {
  }
  const Number number = reader.slot(reader.position());
  static_cast<void>(reader.release(1)); // nobody evicts
  return number;
}

Sample over_rings(const Slice& slice) {
  NumberRing there(64, 1);
  NumberRing back(64, 1);
  auto questions = join(there);
  auto answers = join(back);
  PeerProcess server(slice.server_core, [&] {
    ring::Producer<Number> producer(back.memory(), parks);
    Number number = 0;
    while (number != end_of_run) {
      number = receive(questions);
      send(producer, number);
    }
  });
  pin_to(slice.client_core);
  ring::Producer<Number> producer(there.memory(), parks);
  Number number = 0;
  const auto trip = [&](Number value) {
    send(producer, value);
    if (receive(answers) != value) {
      throw Error(ErrorCode::bad_message, "the answer belongs to another question");
    }
  };
  Sample sample = time_trips_from_sleep(slice, [&] { trip(++number); });
  trip(end_of_run);
  server.join();
  return sample;
}

Sample over_a_lane(const Slice& slice) {
  EchoLane lane(slice.server_core, {}, call::WaitMode::park);
  pin_to(slice.client_core);
  Payload payload(64);
  Sample sample = time_trips_from_sleep(slice, [&] { trip_over(lane.caller(), payload); });
  lane.finish();
  return sample;
}

double cpu_seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Of one child: made, parked, woken once, ended. The same child that does not wait at all is taken off.
double cpu_seconds_of_a_waiting_child(const Slice& slice, double seconds) {
  NumberRing ring(64, 1);
  auto reader = join(ring);
  ring::Producer<Number> producer(ring.memory(), parks);
  const double before = cpu_seconds_of_children();
  PeerProcess child(slice.server_core, [&] { static_cast<void>(receive(reader)); });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  send(producer, end_of_run);
  child.join();
  return cpu_seconds_of_children() - before;
}

Sample idle(const Slice& slice) {
  constexpr double seconds_min = 0.3; // so that the resolution of the accounting does not matter
  const double seconds = std::max(slice.seconds, seconds_min);
  const double waiting = cpu_seconds_of_a_waiting_child(slice, seconds);
  const double starting = cpu_seconds_of_a_waiting_child(slice, 0);
  Sample sample;
  sample.facts["cpu_percent"] = 100 * std::max(0.0, waiting - starting) / seconds;
  return sample;
}

// One thread, so that nobody is ever asleep: publish sixteen, read sixteen.
Sample publish_to_nobody_asleep(const Slice& slice) {
  pin_to(slice.client_core);
  NumberRing ring(64, 1);
  auto reader = join(ring);
  ring::Producer<Number> producer(ring.memory(), parks);
  Number number = 0;
  Number difference = 0;
  constexpr unsigned block = 16;
  Sample sample = time_trips(slice, [&] {
    for (unsigned i = 0; i < block; ++i) {
      send(producer, number + i);
    }
    for (unsigned i = 0; i < block; ++i) {
      difference |= reader.slot(reader.position() + i) ^ (number + i);
    }
    number += block;
    static_cast<void>(reader.available());
    static_cast<void>(reader.release(block)); // nobody evicts
  });
  if (difference != 0) {
    throw Error(ErrorCode::bad_message, "the numbers differ from what was sent");
  }
  sample.latency.divide_by(block);
  sample.ops_per_s *= block;
  sample.facts["system_calls_per_publish"] = static_cast<double>(producer.wakes()) / static_cast<double>(number);
  return sample;
}

} // namespace

int main(int argc, char** argv) {
  Experiment experiment("wake", parse_options(argc, argv, 2), floor_bounce());
  const Parameters asleep{{"begins", "asleep"}};
  experiment.add({.name = "ours_ring", .parameters = asleep, .measure = over_rings});
  experiment.add(floor_futex_from_sleep());
  experiment.add({.name = "ours_lane", .parameters = asleep, .measure = over_a_lane});
  experiment.add({.name = "ours_idle", .parameters = {}, .measure = idle});
  experiment.add({.name = "ours_publish", .parameters = {{"wait", "park"}}, .measure = publish_to_nobody_asleep});
  experiment.add_ratio("ours_ring", "floor_futex", RatioKind::time);
  experiment.add_ratio("ours_lane", "floor_futex", RatioKind::time);
  return experiment.run();
}
