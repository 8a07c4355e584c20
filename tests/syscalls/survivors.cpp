#include "survivors.hpp"

#include "small_channel.hpp"

#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"
#include "ringfleet/os/child_process.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace ringfleet::test {
namespace {

using Number = std::uint32_t;
using channel::PublishResult;
using channel::WaitResult;

constexpr auto patience = std::chrono::seconds(60); // of a survivor that waits for what must come

os::ChildProcess start(const std::vector<std::string>& command) {
  os::SpawnRequest request;
  request.path = command.front();
  request.argv = command;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    request.env.emplace_back(*variable);
  }
  return os::ChildProcess(request);
}

void require(bool holds, const std::string& what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

void publish(Publisher<Number>& out, Number from, Number count) {
  for (Number i = 0; i < count; ++i) {
    require(out.publish(from + i, deadline_after(monotonic_now(), patience)) == PublishResult::published,
            "the surviving publisher is held up");
  }
}

void expect(Subscriber<Number>& in, Number from, Number count) {
  std::vector<Number> seen;
  while (seen.size() < count) {
    in.poll([&](Number number) { seen.push_back(number); });
    require(seen.size() >= count || in.wait(deadline_after(monotonic_now(), patience)) == WaitResult::ready,
            "the surviving reader got " + std::to_string(seen.size()) + " of " + std::to_string(count));
  }
  for (Number i = 0; i < seen.size(); ++i) {
    require(seen[i] == from + i,
            "the surviving reader got " + std::to_string(seen[i]) + " in place of " + std::to_string(from + i));
  }
}

// A reader outlives the publisher: what it got is the beginning of what was published, and the next publisher's words
// follow.
void outlive_publisher(const Surroundings& here, const std::vector<std::string>& victim) {
  constexpr Number second = 1000;
  {
    const Publisher<Number> first(here.word, small_channel());
  } // so that there is a channel to wait at
  channel::SubscriberOptions options;
  options.from = channel::From::oldest;
  Subscriber<Number> in(here.word, options);
  start(victim).reap();
  std::vector<Number> seen;
  in.poll([&](Number number) { seen.push_back(number); });
  require(seen.size() <= messages, "more was read than was published");
  for (Number i = 0; i < seen.size(); ++i) {
    require(seen[i] == i, "a message is missing, or there twice");
  }
  Publisher<Number> next(here.word, small_channel());
  publish(next, second, messages);
  expect(in, second, messages);
}

// A publisher and another reader outlive a reader: nobody is held up, and the other one gets everything.
void outlive_subscriber(const Surroundings& here, const std::vector<std::string>& victim) {
  constexpr Number many = 4'096; // several times the ring: a dead reader's gate would stop it
  Publisher<Number> out(here.word, small_channel());
  Subscriber<Number> in(here.word);
  publish(out, 0, messages);
  start(victim).reap();
  publish(out, messages, messages);
  expect(in, 0, 2 * messages);
  for (Number i = 0; i < many; i += 64) {
    publish(out, i, 64);
    expect(in, i, 64);
  }
}

// A fleet outlives a client: it answers, and the client is no client any more.
void outlive_client(const Surroundings& here, const std::vector<std::string>& victim) {
  const auto fleet = start_fleet(here.word);
  start(victim).reap();
  const auto until = deadline_after(monotonic_now(), patience);
  while (fleet->status().clients != 0) {
    require(monotonic_now() < until, "a dead client is still attached");
    std::this_thread::yield();
  }
  const Reply reply = fleet->call("first", "echo", "still", CallOptions{.timeout = patience});
  require(reply.ok() && reply.text() == "still", "the fleet does not answer: " + reply.error());
}

} // namespace

Tally survive(const std::string& operation, const Surroundings& here, const std::vector<std::string>& victim) {
  if (operation == "channel-publish") {
    outlive_publisher(here, victim);
  } else if (operation == "channel-subscribe") {
    outlive_subscriber(here, victim);
  } else if (operation == "fleet-attach") {
    outlive_client(here, victim);
  } else if (operation.starts_with("deploy")) {
    std::optional<os::ChildProcess> running;
    return outlive_deploy(here, [&] { running.emplace(start(victim)); }, [&] { running->reap(); });
  } else {
    throw std::runtime_error("nobody survives '" + operation + "'");
  }
  return {};
}

} // namespace ringfleet::test
