// `ringfleet` and a fleet: the commands together, as an operator uses them. Everything is really started and stopped.

#include "cli.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/os/file_lock.hpp"
#include "ringfleet/os/socket.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <span>
#include <string>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace ringfleet::tests;
using ringfleet::call::ControlHeader;
using ringfleet::call::ControlType;
using Json = nlohmann::json;

namespace {

// `up` in the foreground, ready; gone with the test.
class Up {
public:
  Up(const Cli& cli, const std::string& fleet) : program_(cli.invocation({"up", cli.topology(fleet)})) {
    if (!program_.wait_for_text("fleet " + fleet + " is up")) {
      FAIL("up did not get ready: " << program_.err() << program_.out());
    }
  }
  [[nodiscard]] Program& program() { return program_; }

private:
  Program program_;
};

Json status_of(const Cli& cli) {
  const auto status = cli({"status", "-o", "json"});
  REQUIRE_MESSAGE(status.exit_code == 0, status.err);
  return Json::parse(status.out);
}

} // namespace

// F43
TEST_CASE("cli: up, status, show, call, reload and down make a round trip") {
  const Cli cli("cli-round");
  Up up(cli, "round");

  const auto status = status_of(cli);
  CHECK(status["name"] == "round");
  CHECK(status["scheduler_pid"] == up.program().pid());
  CHECK(status["modules"][0]["id"] == "echo");
  CHECK(status["modules"][0]["state"] == "Ready");
  CHECK(status["modules"][0]["ready"] == 2);
  CHECK(status["modules"][1]["version"] == "1.0.0");
  CHECK(cli({"status"}).out.find("MODULE  STATE") != std::string::npos);

  const auto show = Json::parse(cli({"show", "zstd", "-o", "json"}).out);
  CHECK(show["abi_level"] == 2);
  CHECK(show["methods"][0]["name"] == "compress");
  CHECK(show["methods"][0]["idempotent"] == true);
  CHECK(show["sha256"].get<std::string>().size() == 64);
  CHECK(show["runners"].size() == 1);
  CHECK(cli({"show", "zstd"}).out.find("METHOD") != std::string::npos);

  CHECK(cli({"call", "echo", "echo", "--data", "hello"}).out == "hello");
  CHECK(cli({"call", "echo", "echo"}).out.empty());
  const std::string binary("\0a\xff\n", 4);
  CHECK(cli({"call", "echo", "echo", "-"}, binary).out == binary);
  cli.scratch().write("big", std::string(3'000'000, 'x'));
  const auto packed = cli({"call", "zstd", "compress", "--file", cli.scratch().path("big")});
  REQUIRE(packed.exit_code == 0);
  CHECK(packed.out.size() < 3'000);
  CHECK(cli({"call", "zstd", "decompress", "--file", "-"}, packed.out).out == std::string(3'000'000, 'x'));

  const auto reload = cli({"reload", "zstd", module_file("zstd_v2"), "-o", "json"});
  REQUIRE_MESSAGE(reload.exit_code == 0, reload.err);
  const auto report = Json::parse(reload.out);
  CHECK(report["from_version"] == "1.0.0");
  CHECK(report["to_version"] == "2.0.0");
  CHECK(report["accepted"] == report["answered"].get<int>() + report["cancelled"].get<int>());
  CHECK(status_of(cli)["modules"][1]["version"] == "2.0.0");

  const auto down = cli({"down"});
  CHECK(down.exit_code == 0);
  CHECK(down.out == "fleet round stopped\n");
  CHECK(up.program().wait().exit_code == 0);
  CHECK(cli({"status"}).exit_code == 3);
}

TEST_CASE("call: every failure has its exit code and one line that names the call") {
  const Cli cli("cli-fail");
  cli.scratch().write("fail.toml", "[fleet]\nname = \"fail\"\n[[module]]\nid = \"bad\"\npath = \"" +
                                       module_file("misbehave") + "\"\n[[module]]\nid = \"zstd\"\npath = \"" +
                                       module_file("zstd_v1") + "\"\n");
  Program up(cli.invocation({"up", cli.scratch().path("fail.toml")}));
  REQUIRE(up.wait_for_text("fleet fail is up"));
  struct Expected {
    std::vector<std::string> call;
    int code;
    std::string words;
  };
  for (const auto& [call, code, words] :
       std::vector<Expected>{{{"none", "x"}, 5, "none"},
                             {{"bad", "no_such_method"}, 5, "no_such_method"},
                             {{"zstd", "decompress", "--data", "junk"}, 8, "zstd frame"},
                             {{"bad", "segfault"}, 9, "SIGSEGV"},
                             {{"bad", "exit"}, 9, "exited with 0"},
                             {{"bad", "throw_exception"}, 8, "throw_exception"},
                             {{"bad", "loop", "--timeout", "100ms"}, 4, "loop"}}) {
    auto words_of_call = call;
    words_of_call.insert(words_of_call.begin(), "call");
    const auto result = cli(words_of_call);
    CAPTURE(call.at(1));
    CAPTURE(result.err);
    CHECK(result.exit_code == code);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("ringfleet: "));
    CHECK(result.err.find(words) != std::string::npos);
  }
  const auto after = cli({"call", "bad", "ok", "--timeout", "30s"});
  CAPTURE(after.err);
  CHECK(after.out == "ok");
  const auto json = Json::parse(cli({"call", "zstd", "decompress", "--data", "junk", "-o", "json"}).out);
  CHECK(json["status"] == "module_error");
  CHECK(json["module_code"] != 0);
  CHECK(cli({"reload", "bad", "/none/x.so"}).exit_code == 2);
  CHECK(cli({"reload", "none", module_file("echo")}).exit_code == 5);
  CHECK(cli({"show", "none"}).exit_code == 5);
}

TEST_CASE("call: a module that crashes in a loop is refused with the cause, when it is tried next, and what to do") {
  const Cli cli("cli-loop");
  cli.scratch().write("witness", "");
  cli.scratch().write("loop.toml", "[fleet]\nname = \"loop\"\n[[module]]\nid = \"mis\"\npath = \"" +
                                       from_build("RINGFLEET_TEST_MODULES") + "/witness.so\"\nconfig = { file = \"" +
                                       cli.scratch().path("witness") + "\" }\n");
  Program up(cli.invocation({"up", cli.scratch().path("loop.toml")}));
  REQUIRE(up.wait_for_text("fleet loop is up"));
  std::filesystem::remove(cli.scratch().path("witness")); // its init fails from now on
  REQUIRE(kill(status_of(cli)["modules"][0]["runners"][0]["pid"].get<pid_t>(), SIGKILL) == 0);
  const auto refused = cli({"call", "mis", "segfault", "--timeout", "60s"});
  CAPTURE(refused.err);
  CHECK(refused.exit_code == 9);
  CHECK(refused.err.starts_with("ringfleet: call mis.segfault: no runner serves the module: it crashes in a loop, "
                                "last: init_failed: init returned -3"));
  CHECK((refused.err.find("; the next start is in ") != std::string::npos ||
         refused.err.find("; a start is under way") != std::string::npos));
  CHECK(refused.err.find("('ringfleet reload mis PATH' puts in a version that works, 'ringfleet status' shows more)") !=
        std::string::npos);
}

TEST_CASE("call: a module file needs no fleet and leaves none behind") {
  const Cli cli("cli-alone");
  const auto reply = cli({"call", module_file("echo"), "echo", "--data", "alone"});
  CAPTURE(reply.err);
  CHECK(reply.exit_code == 0);
  CHECK(reply.out == "alone");
  CHECK(cli({"call", module_file("misbehave"), "abort"}).exit_code == 9);
  CHECK(cli({"status"}).exit_code == 3);
  const auto json = Json::parse(cli({"call", module_file("echo"), "echo", "--data", "j", "-o", "json"}).out);
  CHECK(json["reply"] == "j");
  CHECK(json["version"] == "1.0.0");
}

TEST_CASE("call: the timeout of a call without a fleet holds for the start of the module, too, exit code 4") {
  const Cli cli("cli-slow");
  const auto result = cli({"call", from_build("RINGFLEET_TEST_MODULES") + "/init_hangs.so", "x", "--timeout", "500ms"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 4);
  CHECK(result.err.starts_with("ringfleet: call init_hangs.x: --timeout 500ms passed before the module had started: "));
  CHECK(cli({"call", module_file("echo"), "echo", "--data", "in time", "--timeout", "60s"}).out == "in time");
}

TEST_CASE("call: an error code of the module is told with its meaning (ABI level 1, a method it does not know)") {
  const Cli cli("cli-level1");
  const auto result = cli({"call", from_build("RINGFLEET_TEST_MODULES") + "/level1_echo.so", "shout"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 8);
  CHECK(
      result.err.find("the module returned an error code: 17, one of its own; it may not know the method (ABI level 1 "
                      "has no list of methods)") != std::string::npos);
}

TEST_CASE("call: a file that is no module is refused by name") {
  const Cli cli("cli-nomodule");
  cli.scratch().write("text.so", "this is no module");
  const auto result = cli({"call", cli.scratch().path("text.so"), "x"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("text.so") != std::string::npos);
}

TEST_CASE("up: SIGTERM and SIGINT drain and stop the fleet, exit code 0") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Cli cli("cli-signal");
    Up up(cli, "signal");
    const auto runner = status_of(cli)["modules"][0]["runners"][0]["pid"].get<pid_t>();
    up.program().signal(signal);
    const auto result = up.program().wait();
    CAPTURE(result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.out.find("draining and stopping") != std::string::npos);
    CHECK(result.out.find("fleet signal stopped") != std::string::npos);
    CHECK(kill(runner, 0) != 0);
  }
}

TEST_CASE("up: a second signal ends at once, and the runners end with it (a stopped runner, which cannot drain)") {
  const Cli cli("cli-twice");
  Up up(cli, "twice");
  const auto runner = status_of(cli)["modules"][0]["runners"][0]["pid"].get<pid_t>();
  REQUIRE(kill(runner, SIGSTOP) == 0);
  up.program().signal(SIGTERM);
  REQUIRE(up.program().wait_for_text("draining and stopping"));
  up.program().signal(SIGTERM);
  CHECK(up.program().wait().exit_code == 128 + SIGTERM);
  const int runner_fd = static_cast<int>(syscall(SYS_pidfd_open, runner, 0));
  if (runner_fd >= 0) { // still to be seen: its death is on its way
    pollfd watched{runner_fd, POLLIN, 0};
    CHECK(poll(&watched, 1, 20'000) == 1);
    close(runner_fd);
  }
  CHECK(cli({"up", "-d", cli.topology("twice")}).exit_code == 0); // what was left behind is no obstacle
  CHECK(cli({"down"}).exit_code == 0);
}

// fault 31
TEST_CASE("up: a second scheduler of the same name is refused, the first serves on") {
  const Cli cli("cli-name");
  Up up(cli, "name");
  const auto second = cli({"up", cli.topology("name")});
  CAPTURE(second.err);
  CHECK(second.exit_code == 6);
  CHECK(second.err.find("name") != std::string::npos);
  CHECK(cli({"up", "-d", cli.topology("name")}).exit_code == 6);
  CHECK(cli({"call", "echo", "echo", "--data", "still here"}).out == "still here");
}

TEST_CASE("cli: where two fleets run, --fleet chooses, and without it the error names both") {
  const Cli cli("cli-two");
  Up one(cli, "one");
  Up two(cli, "two");
  const auto unclear = cli({"status"});
  CHECK(unclear.exit_code == 3);
  CHECK(unclear.err.find("one") != std::string::npos);
  CHECK(unclear.err.find("two") != std::string::npos);
  CHECK(Json::parse(cli({"--fleet", "two", "status", "-o", "json"}).out)["name"] == "two");
  CHECK(Json::parse(cli({"status", "-o", "json", "--fleet", "one"}).out)["name"] == "one");
}

// A scheduler of another release, as far as the command line gets with it.
TEST_CASE("cli: a fleet of another version is exit code 7, and the message says which versions they are") {
  const Cli cli("cli-version");
  const auto directory = cli.scratch().path("run/other");
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(cli.scratch().path("run"), std::filesystem::perms::owner_all);
  const auto lock = ringfleet::os::FileLock::try_acquire(directory + "/lock");
  REQUIRE(lock);
  auto listener = ringfleet::os::Socket::listen(directory + "/control");
  for (const bool speaks_our_words : {true, false}) {
    Program program(cli.invocation({"status"}));
    auto connection = listener.accept(ringfleet::deadline_after(ringfleet::monotonic_now(), std::chrono::seconds(20)));
    REQUIRE(connection);
    std::vector<std::byte> packet(4096);
    const auto question =
        connection->receive(packet, ringfleet::deadline_after(ringfleet::monotonic_now(), std::chrono::seconds(20)));
    REQUIRE(question.bytes > sizeof(ControlHeader));
    const std::string text = "talk with ringfleet 0.1.0 to a fleet of ringfleet 7.0.0";
    ControlHeader header{};
    std::memcpy(&header, packet.data(), sizeof header);
    header.type = static_cast<std::uint16_t>(ControlType::refused);
    header.a = static_cast<std::uint64_t>(ringfleet::ErrorCode::version_mismatch);
    header.text_bytes = static_cast<std::uint32_t>(text.size());
    header.version = static_cast<std::uint16_t>(header.version + (speaks_our_words ? 0 : 1));
    std::memcpy(packet.data(), &header, sizeof header);
    std::memcpy(packet.data() + sizeof header, text.data(), text.size());
    REQUIRE(connection->send(std::span(packet).first(sizeof header + text.size())) == ringfleet::os::SocketStatus::ok);
    connection->close();
    const auto result = program.wait();
    CAPTURE(result.err);
    CHECK(result.exit_code == 7);
    CHECK(result.err.find(speaks_our_words ? "7.0.0" : "use programs of one ringfleet release together") !=
          std::string::npos);
  }
}

TEST_CASE("up -d: returns when the fleet is Ready, which goes on until down; what it says is in the log") {
  const Cli cli("cli-detach");
  const auto up = cli({"up", "-d", cli.topology("detach")});
  CAPTURE(up.err);
  REQUIRE(up.exit_code == 0);
  CHECK(up.out.find("fleet detach is up") != std::string::npos);
  CHECK(cli({"call", "echo", "echo", "--data", "there"}).out == "there");
  const auto directory = status_of(cli)["directory"].get<std::string>();
  CHECK(std::filesystem::exists(directory + "/up.log"));
  CHECK(cli({"down"}).exit_code == 0);
  CHECK(cli({"status"}).exit_code == 3);
}

TEST_CASE("down: what a killed scheduler left is shown until it is cleared") { // fault 28 30
  const Cli cli("cli-debris");
  const auto files = [&] { // of the fleet's directory
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(cli.scratch().path("run/debris"))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  };
  const std::set<std::string> left_by_a_dead_one{"control", "counters", "lock", "up.log"};
  const std::set<std::string> left_by_down{"lock", "up.log"};
  REQUIRE(cli({"up", "-d", cli.topology("debris")}).exit_code == 0);
  REQUIRE(kill(status_of(cli)["scheduler_pid"].get<pid_t>(), SIGKILL) == 0);
  CHECK(files() == left_by_a_dead_one);
  auto down = cli({"down"});
  while (down.exit_code == 4 || down.exit_code == 1) { // it is still dying
    down = cli({"down"});
  }
  CAPTURE(down.err);
  CHECK(down.exit_code == 0);
  CHECK(down.out.find("debris") != std::string::npos);
  CHECK(files() == left_by_down);
  CHECK(cli({"down"}).exit_code == 3);
  CHECK(cli({"up", "-d", cli.topology("debris")}).exit_code == 0);
  CHECK(cli({"down"}).out == "fleet debris stopped\n");
  CHECK(files() == left_by_down);
}

TEST_CASE("up -d: a fleet that cannot start is the caller's error, with its exit code") {
  const Cli cli("cli-detach-bad");
  cli.scratch().write("text.so", "this is no module");
  cli.scratch().write("bad.toml", "[fleet]\nname = \"bad\"\n[[module]]\nid = \"m\"\npath = \"" +
                                      cli.scratch().path("text.so") + "\"\n");
  const auto up = cli({"up", "-d", cli.scratch().path("bad.toml")});
  CAPTURE(up.err);
  CHECK(up.exit_code == 1);
  CHECK(up.err.find("text.so") != std::string::npos);
  CHECK(cli({"status"}).exit_code == 3);
}

TEST_CASE("up: what a module writes to stdout and stderr comes out of the same stream of up, tagged") {
  const Cli cli("cli-streams");
  cli.scratch().write("s.toml", "[fleet]\nname = \"streams\"\n[[module]]\nid = \"talker\"\npath = \"" +
                                    from_build("RINGFLEET_TEST_MODULES") + "/logger.so\"\n");
  Program up(cli.invocation({"up", cli.scratch().path("s.toml")}));
  REQUIRE(up.wait_for_text("fleet streams is up"));
  const auto serial = std::to_string(status_of(cli)["modules"][0]["runners"][0]["serial"].get<int>());
  const auto tag = "[talker/" + serial + "] ";
  REQUIRE(cli({"call", "talker", "speak", "--data", "hello"}).exit_code == 0);
  REQUIRE(cli({"down"}).exit_code == 0);
  const auto result = up.wait();
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.out.find(tag + "stdout: hello\n") != std::string::npos);
  CHECK(result.out.find(tag + "stderr: ") == std::string::npos);
  CHECK(result.err.find(tag + "stderr: hello\n") != std::string::npos);
  CHECK(result.err.find(tag + "log: hello\n") != std::string::npos);
  CHECK(result.err.find("stdout: ") == std::string::npos);
}

TEST_CASE("up -o json: each line is an object") {
  const Cli cli("cli-lines");
  Program up(cli.invocation({"up", "-o", "json", cli.topology("lines")}));
  REQUIRE(up.wait_for_text("\"ready\":\"lines\""));
  up.signal(SIGTERM);
  const auto result = up.wait();
  CHECK(result.exit_code == 0);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < result.out.size(); ++lines) {
    const auto end = result.out.find('\n', at);
    REQUIRE(end != std::string::npos);
    CHECK(Json::parse(result.out.substr(at, end - at)).is_object());
    at = end + 1;
  }
  CHECK(lines >= 3);
}
