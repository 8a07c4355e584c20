// The client that lives through a deploy in which somebody dies: two threads call all the time, one waiting, one with
// several calls in flight, and write down what they started and how it ended. The module writes down what it executed.

#include "deploy.hpp"
#include "deploy_files.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/client.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace ringfleet::test {
namespace {

using Number = std::uint64_t;

constexpr auto patience = std::chrono::seconds(60); // nothing here takes so long, on any machine
constexpr Number at_work = 20;                      // calls of a thread after which the deploy may begin
constexpr std::size_t in_flight_max = 4;
constexpr std::size_t in_hand_max = in_flight_max + 1; // of both threads

void require(bool holds, const std::string& what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

// One thread's calls. They end when the victim has deployed, or when no fleet is there any more.
class Calls {
public:
  Calls(Client& client, const DeployFiles& files, Number first, std::size_t in_flight)
      : tell_(client.method("witness", "tell")), files_(files), first_(first), in_flight_(in_flight),
        thread_([this] { run(); }) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;
  ~Calls() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  void wait_until_at_work() {
    while (ended_.load() < at_work && !is_over_) {
      std::this_thread::yield();
    }
  }
  void join() {
    thread_.join();
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

  std::set<Number> started;
  std::set<Number> answered;
  Number lost = 0;      // with the runner that had begun with them
  bool is_gone = false; // the fleet

private:
  void run() {
    try {
      while (!is_gone && access(files_.done.c_str(), F_OK) != 0) {
        one_round();
      }
    } catch (...) {
      failure_ = std::current_exception();
    }
    is_over_ = true;
  }
  void one_round() {
    std::array<Number, in_flight_max> numbers{};
    std::array<PendingCall, in_flight_max> calls;
    for (std::size_t i = 0; i < in_flight_; ++i) {
      numbers[i] = first_ + started.size();
      started.insert(numbers[i]);
      calls[i] = tell_.start(std::as_bytes(std::span(&numbers[i], 1)), {patience});
    }
    for (std::size_t i = 0; i < in_flight_; ++i) {
      end(numbers[i], calls[i].get());
      ++ended_;
    }
  }
  void end(Number number, const Reply& reply) {
    switch (reply.status()) {
    case CallStatus::ok:
      require(reply.bytes().size() == sizeof number && std::memcmp(reply.bytes().data(), &number, sizeof number) == 0,
              "an answer is another call's");
      answered.insert(number);
      return;
    case CallStatus::runner_lost: ++lost; break;
    case CallStatus::no_runner: is_gone = true; break;
    default: throw std::runtime_error("a call is neither answered nor lost: " + reply.error());
    }
    require(reply.error().find("witness.tell") != std::string::npos, "a lost call is not named: " + reply.error());
  }

  Method tell_;
  const DeployFiles& files_;
  Number first_;
  std::size_t in_flight_;
  std::atomic<Number> ended_ = 0;
  std::atomic<bool> is_over_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

std::vector<Number> executed(const DeployFiles& files) {
  std::ifstream file(files.witness, std::ios::binary);
  std::vector<Number> numbers;
  for (Number number = 0; file.read(reinterpret_cast<char*>(&number), sizeof number);) {
    numbers.push_back(number);
  }
  return numbers;
}

// The fleet and its module, as soon as they are there.
std::unique_ptr<Client> attach(const std::string& name) {
  const auto until = deadline_after(monotonic_now(), patience);
  for (;;) {
    try {
      auto client = std::make_unique<Client>(name, patience);
      (void)client->method("witness", "tell");
      return client;
    } catch (const Error& error) {
      require(monotonic_now() < until, std::string("the victim's fleet does not come: ") + error.what());
    }
    std::this_thread::yield();
  }
}

void check_ledger(const std::vector<const Calls*>& all, const DeployFiles& files) {
  std::set<Number> seen;
  for (const Number number : executed(files)) {
    require(seen.insert(number).second, "call " + std::to_string(number) + " is executed twice");
  }
  Number lost = 0;
  for (const Calls* calls : all) {
    for (const Number number : calls->answered) {
      require(seen.contains(number), "call " + std::to_string(number) + " is answered and was not executed");
    }
    for (const Number number : calls->started) {
      seen.erase(number);
    }
    lost += calls->lost;
  }
  require(seen.empty(), "something is executed that nobody called");
  require(lost <= in_hand_max, std::to_string(lost) + " calls are lost with one runner");
}

// Nothing of the dead is in the way of the next one.
void next_up(const Surroundings& here) {
  const auto fleet = start_witness(here);
  const auto answers = [&](Number number) {
    const Reply reply = fleet->call("witness", "tell", std::as_bytes(std::span(&number, 1)), CallOptions{patience});
    require(reply.ok(), "the next fleet does not answer: " + reply.error());
  };
  answers(0);
  (void)fleet->reload("witness");
  answers(1);
}

} // namespace

Tally outlive_deploy(const Surroundings& here, const std::function<void()>& start, const std::function<void()>& end) {
  const DeployFiles files(here);
  files.make();
  const auto words = files.open_words();
  start();
  Tally tally;
  {
    const auto client = attach(here.word);
    Calls waiting(*client, files, 0, 1);
    Calls flying(*client, files, Number{1} << 32, in_flight_max);
    waiting.wait_until_at_work();
    flying.wait_until_at_work();
    say_word(words);
    waiting.join();
    flying.join();
    check_ledger({&waiting, &flying}, files);
    tally = {{"calls", waiting.started.size() + flying.started.size()},
             {"answered", waiting.answered.size() + flying.answered.size()},
             {"lost", waiting.lost + flying.lost},
             {"gone", waiting.is_gone || flying.is_gone ? 1 : 0}};
  }
  say_word(words);
  end();
  next_up(here);
  files.remove();
  return tally;
}

} // namespace ringfleet::test
