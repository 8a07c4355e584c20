// Other processes in a fleet: clients that attach, stop and die; schedulers that die or meet. The test program plays
// the other processes itself.

#include "played_by_child.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/socket.hpp"

#include <csignal>
#include <filesystem>

#include <sys/resource.h>

using namespace ringfleet;
using namespace ringfleet::test;

namespace {

fleet::Topology named(std::string name) {
  return topology_of({module_of("echo", shipped("echo"), 2)}, std::move(name));
}

} // namespace

TEST_CASE("child: a client that calls until it is killed" * doctest::skip()) {
  Client client("shared");
  const Method echo = client.method("echo", "echo");
  REQUIRE(echo.call("first").ok());
  write_file(marker(), "");
  for (;;) {
    (void)echo.call("again");
  }
}

TEST_CASE("child: a scheduler that runs until it is killed" * doctest::skip()) {
  Fleet fleet(named("doomed"));
  write_file(marker(), "");
  fleet.wait_for_stop();
}

TEST_CASE("client: attaches by name, calls runners directly and asks the scheduler") { // F38
  const RuntimeDirectory directory;
  Fleet fleet(named("shared"));
  Client client("shared");
  const Method echo = client.method("echo", "echo");
  for (int i = 0; i < 1'000; ++i) {
    const Reply reply = echo.call(std::to_string(i), {20s});
    REQUIRE_MESSAGE(reply.ok(), reply.error());
    CHECK(reply.text() == std::to_string(i));
  }
  std::vector<std::byte> large(3'000'000, std::byte{7});
  CHECK(echo.call(large, {20s}).bytes().size() == large.size());
  CHECK(client.status().name == "shared");
  CHECK(client.status().modules.front().runners.size() == 2);
  CHECK(client.show("echo").id == "echo");
  CHECK(contains(error_of([&] { (void)client.show("nothing"); }), "no module 'nothing'"));
  CHECK(contains(error_of([&] { (void)client.method("nothing", "x"); }), "no module 'nothing'"));
  const DeployReport report = client.reload("echo", shipped("echo"));
  CHECK(report.module == "echo");
  CHECK(echo.call("after", {20s}).text() == "after");
}

TEST_CASE("client: a reload under the load of a client fails none of its calls") { // F10 F38
  const RuntimeDirectory directory;
  Fleet fleet(topology_of({module_of("zstd", shipped("zstd_v1"), 2)}, "shared"));
  Client client("shared");
  const Method compress = client.method("zstd", "compress");
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failed{0};
  std::thread caller([&] {
    while (!stop) {
      failed += !compress.call("some text", {20s}).ok();
      failed += !compress.start("some text", {20s}).get().ok();
    }
  });
  for (unsigned i = 0; i < std::max(20 / scale_down, 5U); ++i) {
    (void)fleet.reload("zstd", shipped(i % 2 == 0 ? "zstd_v2" : "zstd_v1"));
  }
  stop = true;
  caller.join();
  CHECK(failed == 0);
}

TEST_CASE("client: a name that does not run is refused and the ones that run are named") {
  const RuntimeDirectory directory;
  CHECK(contains(error_of([] { const Client client; }), "none runs"));
  Fleet fleet(named("here"));
  const std::string error = error_of([] { const Client client("elsewhere"); });
  CHECK(contains(error, "'elsewhere'"));
  CHECK(contains(error, "running: here"));
  const Client only;
}

TEST_CASE("client: killed in the middle of its calls it leaves nothing behind") { // F38
  const RuntimeDirectory directory;
  Fleet fleet(named("shared"));
  for (int i = 0; i < 5; ++i) {
    std::filesystem::remove(marker());
    auto child = start_child("child: a client that calls until it is killed");
    wait_for_file(marker());
    CHECK(fleet.status().clients == 1);
    child.signal(SIGKILL);
    child.reap();
    while (fleet.status().clients != 0) {
      std::this_thread::yield();
    }
    const FleetStatus status_now = fleet.status();
    for (const RunnerStatus& runner : status_now.modules.front().runners) {
      CHECK(runner.clients == 0);
    }
  }
  CHECK(fleet.call("echo", "echo", "still here").ok());
}

TEST_CASE("client: stopped, it delays nobody: others call and deploys finish") { // fault 8, DESIGN 8
  const RuntimeDirectory directory;
  Fleet fleet(named("shared"));
  auto child = start_child("child: a client that calls until it is killed");
  wait_for_file(marker());
  child.signal(SIGSTOP);
  CHECK(fleet.call("echo", "echo", "not delayed").ok());
  const DeployReport report = fleet.reload("echo", shipped("echo"));
  CHECK_FALSE(report.forced);
  CHECK(fleet.call("echo", "echo", "not delayed").ok());
  child.signal(SIGCONT);
  // It goes on with the new runners.
  while (fleet.status().modules.front().runners.front().clients < 2) {
    std::this_thread::yield();
  }
}

TEST_CASE(
    "scheduler: killed, it takes its runners along, leaves counter files only, and the next one starts") { // fault 28
                                                                                                           // 30
  const RuntimeDirectory directory;
  auto child = start_child("child: a scheduler that runs until it is killed");
  wait_for_file(marker());
  std::vector<os::Descriptor> runners;
  Client client("doomed");
  const Method echo = client.method("echo", "echo");
  REQUIRE(echo.call("before").ok());
  const FleetStatus status_now = client.status();
  for (const RunnerStatus& runner : status_now.modules.front().runners) {
    runners.push_back(os::open_pidfd(runner.pid));
  }
  REQUIRE(runners.size() == 2);
  child.signal(SIGKILL);
  child.reap();
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  for (const os::Descriptor& runner : runners) {
    while (!os::is_dead(runner)) {
      REQUIRE(std::chrono::steady_clock::now() < give_up);
      std::this_thread::yield();
    }
  }
  const Reply after = echo.call("after", {5s});
  CHECK_FALSE(after.ok());
  CHECK(contains(error_of([&] { (void)client.status(); }), "is gone"));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(os::fleet_directory_path("doomed"))) {
    if (!entry.is_directory()) {
      left.push_back(entry.path().filename());
    }
  }
  std::ranges::sort(left);
  CHECK(left == std::vector<std::string>{"control", "lock", "runner-1", "runner-2", "scheduler-0"});
  Fleet next(named("doomed"));
  CHECK(next.call("echo", "echo", "again").ok());
}

TEST_CASE("scheduler: a program of another version is told so, whatever it asks") { // F43
  const RuntimeDirectory directory;
  Fleet fleet(named("versions"));
  const auto answer_to = [](const call::ControlMessage& question) {
    call::ControlChannel channel(os::Socket::connect(os::fleet_directory_path("versions") + "/control"));
    REQUIRE(channel.send(question) == os::SocketStatus::ok);
    call::ControlMessage answer;
    REQUIRE(channel.receive(answer, deadline_after(monotonic_now(), 20s)) == os::SocketStatus::ok);
    return answer;
  };
  const std::string both = std::string("ringfleet 0.0.7 to a fleet of ringfleet ") + version;
  const auto hello = answer_to({.type = call::ControlType::client_hello, .text = "0.0.7"});
  CHECK(hello.type == call::ControlType::refused);
  CHECK(hello.a == static_cast<std::uint64_t>(ErrorCode::version_mismatch));
  CHECK(contains(hello.text, both));
  for (const std::string op : {"status", "show", "reload", "down"}) {
    const auto answer = answer_to({.type = call::ControlType::request,
                                   .text = R"({"op":")" + op + R"(","module":"","path":"","version":"0.0.7"})"});
    CHECK(answer.type == call::ControlType::response);
    CHECK(contains(answer.text, "version_mismatch"));
    CHECK(contains(answer.text, both));
  }
  CHECK(fleet.call("echo", "echo", "undisturbed").ok());
}

TEST_CASE("scheduler: a second one of the same name is refused and told who runs") { // fault 31
  const RuntimeDirectory directory;
  Fleet first(named("one"));
  const std::string error = error_of([] { Fleet second(named("one")); });
  CHECK(contains(error, "'one'"));
  CHECK(contains(error, "runs already"));
  CHECK(contains(error, std::to_string(getpid())));
  CHECK(first.call("echo", "echo", "undisturbed").ok());
}

TEST_CASE("scheduler: without descriptors it refuses new work by name and goes on with the old") { // fault 17
  const RuntimeDirectory directory;
  Fleet fleet(named("narrow"));
  REQUIRE(fleet.call("echo", "echo", "before").ok());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit narrow = before;
  narrow.rlim_cur = 8; // fewer than are open now
  REQUIRE(setrlimit(RLIMIT_NOFILE, &narrow) == 0);
  const std::string error = error_of([&] { fleet.load(module_of("more", shipped("echo"))); });
  const std::string reload = error_of([&] { (void)fleet.reload("echo", shipped("echo")); });
  const bool served = fleet.call("echo", "echo", "meanwhile").ok();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_MESSAGE(contains(error, "Too many open files"), error);
  CHECK_MESSAGE(contains(reload, "Too many open files"), reload);
  CHECK(served);
  fleet.load(module_of("more", shipped("echo")));
  CHECK(fleet.call("more", "echo", "room again").ok());
}

TEST_CASE(
    "scheduler: a lane that could not be made for want of descriptors is made when there are some again") { // fault 17
  const RuntimeDirectory directory;
  Fleet fleet(named("narrow"));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit narrow = before;
  narrow.rlim_cur = 8;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &narrow) == 0);
  const Reply refused = fleet.call("echo", "echo", "nobody", {300ms});
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(refused.status() == CallStatus::no_runner);
  const Reply reply = fleet.call("echo", "echo", "room again", {20s});
  CHECK_MESSAGE(reply.ok(), reply.error());
  CHECK(fleet.status().modules.front().restarts == 0); // no runner had to die for it
}

TEST_CASE("scheduler: without memory for a lane or an arena the call says so and the fleet lives") { // fault 26
  const RuntimeDirectory directory;
  Fleet fleet(named("poor"));
  REQUIRE(fleet.call("echo", "echo", "before").ok());
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 100'000; // memory files count as files here
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction old{};
  sigaction(SIGXFSZ, &ignore, &old);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::vector<std::byte> large(2'000'000);
  const Reply refused = fleet.call("echo", "echo", large, {5s});
  const bool served = fleet.call("echo", "echo", "meanwhile").ok();
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  sigaction(SIGXFSZ, &old, nullptr);
  CHECK(refused.status() == CallStatus::no_space);
  CHECK(served);
  CHECK(fleet.call("echo", "echo", large, {20s}).bytes().size() == large.size());
}

// As one does that has no memory or descriptors for the connection.
TEST_CASE("client: a scheduler that hangs up and runs on is not dead, and was not stopped") {
  const RuntimeDirectory runtime;
  const auto directory = (runtime.scratch().path() / "busy").string();
  std::filesystem::create_directory(directory);
  const auto lock = os::FileLock::try_acquire(directory + "/lock");
  REQUIRE(lock);
  auto listener = os::Socket::listen(directory + "/control");
  Client client("busy");
  auto connection = listener.accept(deadline_after(monotonic_now(), 20s));
  REQUIRE(connection);
  std::string said;
  std::thread asking([&] { said = error_of([&] { client.down(); }); });
  std::vector<std::byte> packet(4096);
  CHECK(connection->receive(packet, deadline_after(monotonic_now(), 20s)).bytes > 0);
  connection->close();
  asking.join();
  CHECK(contains(said, "it runs, and has ended the connection"));
}

// So it is with a scheduler that was stopped for a while.
TEST_CASE("client: an answer that comes when its question was given up is not taken for the next one's") { // fault 33
  const RuntimeDirectory runtime;
  const auto directory = (runtime.scratch().path() / "slow").string();
  std::filesystem::create_directory(directory);
  const auto lock = os::FileLock::try_acquire(directory + "/lock");
  REQUIRE(lock);
  auto listener = os::Socket::listen(directory + "/control");
  Client client("slow", 3s);
  auto socket = listener.accept(deadline_after(monotonic_now(), 20s));
  REQUIRE(socket);
  call::ControlChannel scheduler(std::move(*socket));
  const auto next_question = [&] {
    call::ControlMessage question;
    REQUIRE(scheduler.receive(question, deadline_after(monotonic_now(), 20s)) == os::SocketStatus::ok);
    return question.text;
  };
  const auto answer = [&](const char* text) {
    const Error error(ErrorCode::system, text);
    REQUIRE(scheduler.send({.type = call::ControlType::response, .text = fleet::to_json(error)}) ==
            os::SocketStatus::ok);
  };
  CHECK(contains(error_of([&] { (void)client.status(); }), "no answer within 3000 ms"));
  CHECK(contains(next_question(), "status"));
  std::string said;
  std::thread asking([&] { said = error_of([&] { (void)client.show("echo"); }); });
  CHECK(contains(next_question(), "show"));
  answer("to the first");
  answer("to the second");
  asking.join();
  CHECK_MESSAGE(contains(said, "to the second"), said);
}
