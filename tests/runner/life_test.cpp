// The life of a runner: init once, shutdown once, drain, stop, the end of its scheduler (F4, F7, F8, F11).

#include "harness.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::test;
using call::ControlType;

TEST_CASE("life: init runs once before any call, shutdown once at the stop, on one thread") { // F4
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("init_counter")).type == ControlType::loaded);
  const auto first = runner.open_lane();
  const auto second = runner.open_lane();
  CHECK(first->call("counts").text() == "init=1 calls=1");
  CHECK(second->call("counts").text() == "init=1 calls=2");
  runner.send(ControlType::stop);
  CHECK(runner.wait_for_exit() == os::ExitStatus{false, 0});
  CHECK(runner.output() == "shutdown=1 thread=same\n");
}

TEST_CASE("life: a shutdown that hangs is ended with the scheduler") {
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("init_counter"), "{\"shutdown\": \"hang\"}").type == ControlType::loaded);
  runner.send(ControlType::stop);
  runner.close_channel();
  CHECK(runner.wait_for_exit() == os::ExitStatus{false, 0});
}

TEST_CASE("life: the end of the control channel ends the runner, in the middle of a call as well") { // F8, fault 28
  RunnerProcess runner;
  REQUIRE(runner.load(shipped_module("misbehave")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  const auto position = lane->start("loop");
  runner.close_channel();
  CHECK(runner.wait_for_exit() == os::ExitStatus{false, 0});
  CHECK(lane->finish(position).status != CallStatus::ok);
}

TEST_CASE("drain: everything published below the close is answered, everything beyond it was never executed") { // F11
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("init_counter")).type == ControlType::loaded);
  const auto lane = runner.open_lane({.slots = 64, .slot_bytes = 256, .workers = 1});
  std::vector<std::uint64_t> positions;
  for (int i = 0; i < 32; ++i) {
    positions.push_back(lane->start("counts"));
  }
  runner.send(ControlType::drain, never);
  const auto drained = runner.expect(ControlType::drained);
  std::uint64_t answered = 0;
  for (const auto position : positions) {
    answered += lane->finish(position).status == CallStatus::ok ? 1 : 0;
  }
  CHECK(answered == 32);
  CHECK(drained.a == 32);
  CHECK(lane->caller().is_closed());
  CHECK(lane->call("counts").status == CallStatus::no_runner);
}

TEST_CASE("drain: a deadline that has passed closes the lane at once, and every call is accounted for") { // F7, F11
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("service_user")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  const auto running = lane->start("until_cancelled");
  (void)runner.expect(ControlType::log);
  const auto queued = lane->start("now");
  runner.send(ControlType::drain, 1);
  lane->caller().cancel(running);
  CHECK(lane->finish(running).status == CallStatus::ok);
  const auto executed = runner.expect(ControlType::drained).a;
  const auto second = lane->finish(queued).status;
  CHECK((second == CallStatus::ok || second == CallStatus::no_runner));
  CHECK(executed == (second == CallStatus::ok ? 2U : 1U));
}

TEST_CASE("probe: health is asked on the worker thread, a code and a text come back") { // F3, F24
  RunnerProcess well;
  REQUIRE(well.load(test_module("service_user")).type == ControlType::loaded);
  well.send(ControlType::probe);
  CHECK(well.expect(ControlType::probed).a == 0);
  RunnerProcess sick;
  REQUIRE(sick.load(test_module("raw_throw")).type == ControlType::loaded);
  sick.send(ControlType::probe);
  const auto probed = sick.expect(ControlType::probed);
  CHECK(probed.a == 5);
  CHECK(probed.text == "feeling sick");
  sick.send(ControlType::stop); // quiesce and shutdown throw: nobody minds
  CHECK(sick.wait_for_exit() == os::ExitStatus{false, 0});
}

TEST_CASE("lanes: a dropped lane is let go, the others go on") {
  RunnerProcess runner;
  REQUIRE(runner.load(shipped_module("echo")).type == ControlType::loaded);
  const auto first = runner.open_lane();
  const auto second = runner.open_lane();
  runner.send(ControlType::lane_drop, first->id());
  CHECK(runner.expect(ControlType::lane_dropped).a == first->id());
  CHECK(second->call("echo", "still here").text() == "still here");
  runner.send(ControlType::lane_drop, 4711);
  CHECK(runner.expect(ControlType::lane_dropped).a == 4711);
}

TEST_CASE("lanes: an offer that is nonsense is reported and changes nothing else") { // fault 36
  RunnerProcess runner;
  REQUIRE(runner.load(shipped_module("echo")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  runner.send(ControlType::lane_offer, 77, 3); // 3 slots are no power of two, and there is no descriptor
  CHECK(runner.expect(ControlType::violation).a == 77);
  runner.send(ControlType::lane_open, 78);
  CHECK(runner.expect(ControlType::violation).a == 78);
  CHECK(lane->call("echo", "unharmed").text() == "unharmed");
}

TEST_CASE("lanes: an arena that is in use is not taken again, and replies go on in it") { // fault 36
  RunnerProcess runner;
  REQUIRE(runner.load(shipped_module("echo")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  const std::string large(10'000, 'e');
  REQUIRE(lane->call("echo", large).text() == large);
  const auto other = memory::create_anonymous_segment(
      "another arena", {.kind = memory::SegmentKind::arena, .body_bytes = limits::arena_bytes_first});
  const std::array descriptors{other.get()};
  runner.send(ControlType::arena_offer, lane->id(), 1, {}, descriptors);
  CHECK(runner.expect(ControlType::violation).text.find("arena 1 of lane 1 is in use") != std::string::npos);
  CHECK(lane->call("echo", large).text() == large);
}

TEST_CASE("logs: stdout, stderr and the log service all arrive") { // F36
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("logger")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  CHECK(lane->call("speak", "hello").status == CallStatus::ok);
  const auto log = runner.expect(ControlType::log);
  CHECK(log.a == 2);
  CHECK(log.text == "log: hello");
  const std::string output = runner.output();
  CHECK(output.find("stdout: hello\n") != std::string::npos);
  CHECK(output.find("stderr: hello\n") != std::string::npos);
}

TEST_CASE("logs: a scheduler that does not read is not waited for, line by line") { // F36
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("logger")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  runner.read_messages(false);
  CHECK(lane->call_with("flood", std::uint32_t{5000}).status == CallStatus::ok);
  runner.read_messages(true);
  while (runner.expect(ControlType::log).text.find("lines of the log were dropped") == std::string::npos) {
    if (!runner.has(ControlType::log)) {
      CHECK(lane->call("speak", "again").status == CallStatus::ok);
    }
  }
}

TEST_CASE("nested: a module the fleet does not know is an answer, not an error of the caller") { // F3
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("nested_caller")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  const auto position = lane->start("relay", "nobody echo hi");
  const auto wanted = runner.expect(ControlType::call_wanted);
  CHECK(wanted.text == "nobody");
  CHECK(wanted.a == 1);
  runner.send(ControlType::refused, 0, 0, "no module 'nobody'");
  CHECK(lane->finish(position).text() == "status 3 code 0");
}

TEST_CASE("nested: a module that calls itself is refused before anything waits") { // F3
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("nested_caller")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  const auto position = lane->start("relay", "myself echo hi");
  (void)runner.expect(ControlType::call_wanted);
  runner.send(ControlType::subscribed, 1, 0, "myself");
  CHECK(lane->finish(position).text() == "status 12 code 0");
  const call::Chain chain{5, 6, 7, 8};
  CHECK(lane->call_id(call::method_id("relay"), std::as_bytes(std::span("other echo hi", 13)), never, chain).text() ==
        "status 13 code 0");
}
