// A fleet in hard times: signals without end, no processor, a tool that looks and is killed. All calls succeed, and
// nobody is taken for hung.

#include "fleet_fixture.hpp"
#include "pids_of.hpp"
#include "ringfleet/os/child_process.hpp"

#include <csignal>
#include <filesystem>
#include <random>
#include <set>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

// Calls of one method until stop() or the end of it: each reply must be what was sent.
class Load {
public:
  Load(Method method, std::size_t bytes) : thread_([this, method, bytes] { run(method, bytes); }) {}
  ~Load() {
    stop_ = true;
    thread_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

private:
  void run(const Method& method, std::size_t bytes) {
    for (std::uint64_t number = 0; !stop_; ++number) {
      std::string text(bytes, static_cast<char>('a' + number % 26));
      const Reply reply = number % 2 == 0 ? method.call(text, {120s}) : method.start(text, {120s}).get();
      wrong_ += reply.text() != text;
      ++answered_;
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::thread thread_; // last: it uses the others
};

std::atomic<std::uint64_t> signals_here{0};

// SIGUSR1 is counted and interrupts system calls, for the life of the object.
class CountedSignals {
public:
  CountedSignals() {
    struct sigaction action{};
    action.sa_handler = [](int) { signals_here.fetch_add(1, std::memory_order_relaxed); };
    REQUIRE(sigaction(SIGUSR1, &action, &before_) == 0);
  }
  ~CountedSignals() { sigaction(SIGUSR1, &before_, nullptr); }
  CountedSignals(const CountedSignals&) = delete;
  CountedSignals& operator=(const CountedSignals&) = delete;

private:
  struct sigaction before_{};
};

// SIGUSR1 to each thread of a process.
void shower(pid_t pid) {
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    (void)syscall(SYS_tgkill, pid, std::stoi(task.path().filename().string()), SIGUSR1);
  }
}

// This process, and whatever it starts meanwhile, on one core, with others who want all of it.
class Starvation {
public:
  explicit Starvation(int competitors) {
    REQUIRE(sched_getaffinity(0, sizeof before_, &before_) == 0);
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &before_)) {
        CPU_ZERO(&one_);
        CPU_SET(core, &one_);
        break;
      }
    }
    move_threads(getpid(), one_);
    for (int i = 0; i < competitors; ++i) {
      const pid_t competitor = fork();
      REQUIRE(competitor >= 0);
      if (competitor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
          asm volatile("");
        }
      }
      competitors_.push_back(competitor);
    }
  }
  ~Starvation() {
    for (const pid_t competitor : competitors_) {
      kill(competitor, SIGKILL);
      waitpid(competitor, nullptr, 0);
    }
    move_threads(getpid(), before_);
  }
  Starvation(const Starvation&) = delete;
  Starvation& operator=(const Starvation&) = delete;

  void include(const std::set<pid_t>& runners) const {
    for (const pid_t runner : runners) {
      move_threads(runner, one_);
    }
  }

private:
  static void move_threads(pid_t pid, const cpu_set_t& cores) {
    std::error_code gone;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
      (void)sched_setaffinity(std::stoi(task.path().filename().string()), sizeof cores, &cores);
    }
  }

  cpu_set_t before_{};
  cpu_set_t one_{};
  std::vector<pid_t> competitors_;
};

} // namespace

TEST_CASE("fleet: a storm of signals at every thread of clients, scheduler and runners fails no call (fault 41)") {
  const RuntimeDirectory directory;
  const CountedSignals counted;
  Fleet fleet(topology_of({module_of("counter", test_module("signal_counter"), 2)}));
  const Method echo = fleet.method("counter", "echo");
  const std::set<pid_t> runners = pids_of(fleet, "counter");
  REQUIRE(runners.size() == 2);
  const Load small(echo, 10);
  const Load beside(echo, 100'000); // through arenas, which come by descriptor passing
  const std::uint64_t storms = 3'000 / scale_down;
  for (std::uint64_t storm = 0; storm < storms || small.answered() < 200 || beside.answered() < 50; ++storm) {
    shower(getpid());
    for (const pid_t runner : runners) {
      shower(runner);
    }
    if (storm % 100 == 0) {
      CHECK(fleet.status().modules.size() == 1);
    }
  }
  CHECK(small.wrong() == 0);
  CHECK(beside.wrong() == 0);
  CHECK(pids_of(fleet, "counter") == runners);
  CHECK(signals_here > storms);
  for (std::size_t asked = 0; asked < 8; ++asked) { // whichever of the two answers
    CHECK(std::stoull(std::string(fleet.call("counter", "signals", "", {60s}).text())) > 0);
  }
}

TEST_CASE(
    "fleet: with too little processor calls are slow, but no runner is taken for hung, and deaths heal (fault 45)") {
  const RuntimeDirectory directory;
  Listener listener;
  auto worker = module_of("zstd", shipped("zstd_v1"));
  worker.call_timeout = 60s;
  Fleet fleet(topology_of({module_of("echo", shipped("echo"), 12), worker}), listener.options());
  const Method echo = fleet.method("echo", "echo");
  const Method compress = fleet.method("zstd", "compress");
  std::string text(4'000'000, 'a');
  std::mt19937 random(45);
  std::ranges::generate(text, [&] { return static_cast<char>('a' + random() % 8); });
  const std::set<pid_t> runners = pids_of(fleet, "echo");
  REQUIRE(runners.size() == 12);
  {
    const Starvation starvation(8);
    starvation.include(runners);
    starvation.include(pids_of(fleet, "zstd"));
    const Load one(echo, 10);
    const Load two(echo, 3'000);
    std::uint64_t failed = 0;
    while (one.answered() < 100 || two.answered() < 100) {
      failed += !compress.call(text).ok(); // work enough to be seen in execution by several ticks of the scheduler
    }
    CHECK(failed == 0);
    CHECK(pids_of(fleet, "echo") == runners);
    CHECK_FALSE(contains(listener.all(), "killed"));
    // What a fleet does about deaths and deploys is slower, too, and happens all the same.
    CHECK(fleet.reload("zstd", shipped("zstd_v2")).to_version == "2.0.0");
    const auto victim = *runners.begin();
    REQUIRE(kill(victim, SIGKILL) == 0);
    CHECK(listener.wait_for_event("SIGKILL"));
    CHECK(one.wrong() == 0);
    CHECK(two.wrong() == 0);
  }
  CHECK(fleet.status().modules.front().last_error.find("hung") == std::string::npos);
}

TEST_CASE("fleet: ringfleet-stat comes, is killed and comes again while runners crash; it always answers and disturbs "
          "nobody (fault 40)") {
  const RuntimeDirectory directory;
  FleetOptions options;
  options.unlimited_restarts = true;
  Fleet fleet(topology_of({module_of("bad", shipped("misbehave")), module_of("echo", shipped("echo"))}, "watched"),
              options);
  const std::set<pid_t> echo = pids_of(fleet, "echo");
  const Load load(fleet.method("echo", "echo"), 10);
  const unsigned looks_wanted = 60 / scale_down + 3;
  std::atomic<unsigned> looks{0};
  std::atomic<bool> stop{false};
  std::uint64_t wrong = 0;
  std::thread looking([&] {
    for (; !stop; ++looks) {
      os::SpawnRequest request;
      request.path = std::getenv("RINGFLEET_STAT");
      request.argv = {"ringfleet-stat"};
      for (char** variable = environ; *variable != nullptr; ++variable) {
        request.env.emplace_back(*variable);
      }
      const os::Descriptor nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
      request.descriptors = {{nowhere.get(), STDOUT_FILENO}};
      os::ChildProcess program(request);
      if (looks % 3 == 2) {
        program.signal(SIGKILL);
        (void)program.reap();
      } else {
        wrong += program.reap() != os::ExitStatus{};
      }
    }
  });
  for (unsigned crashes = 0; crashes < 100 / scale_down || looks < looks_wanted; ++crashes) {
    CHECK(fleet.call("bad", "abort", "", {60s}).status() == CallStatus::runner_lost);
    CHECK(fleet.call("bad", "ok", "", {60s}).ok());
  }
  stop = true;
  looking.join();
  CHECK(wrong == 0);
  CHECK(load.wrong() == 0);
  CHECK(pids_of(fleet, "echo") == echo);
}
