// Calls through a real runner process: replies, errors, exceptions, sizes, services (F2, F3, F6; faults 10, 11, 13,
// 20).

#include "harness.hpp"
#include "ringfleet/call/lane_layout.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstring>

using namespace ringfleet;
using namespace ringfleet::test;
using call::ControlType;

namespace {

struct Loaded {
  explicit Loaded(const std::string& path, const std::string& config = "{}") {
    REQUIRE(runner.load(path, config).type == ControlType::loaded);
    lane = runner.open_lane();
  }
  RunnerProcess runner;
  std::unique_ptr<HarnessLane> lane;
};

template <typename T>
T value_of(const Answer& answer) {
  T value{};
  REQUIRE(answer.bytes.size() == sizeof value);
  std::memcpy(&value, answer.bytes.data(), sizeof value);
  return value;
}

} // namespace

TEST_CASE("call: echo answers with its arguments, of every small size") {
  Loaded echo(shipped_module("echo"));
  for (std::size_t size = 0; size < 600; size += 37) {
    const std::string text(size, 'e');
    const Answer answer = echo.lane->call("echo", text);
    CHECK(answer.status == CallStatus::ok);
    CHECK(answer.text() == text);
  }
  CHECK(echo.lane->call("no such method").status == CallStatus::unknown_method);
}

TEST_CASE("call: replies and arguments grow to 64 MiB through arenas") { // issue 2, fault 37
  Loaded big(test_module("big_reply"));
  const std::uint64_t max = limits::payload_bytes_max;
  for (const std::uint64_t bytes : {std::uint64_t{256}, std::uint64_t{257}, std::uint64_t{300'000}, max}) {
    CAPTURE(bytes);
    const Answer answer = big.lane->call_with("reserve", bytes);
    REQUIRE(answer.status == CallStatus::ok);
    REQUIRE(answer.bytes.size() == bytes);
    CHECK(value_of<std::uint64_t>(big.lane->call("count", answer.bytes)) == bytes);
  }
  const Answer appended = big.lane->call_with("append", std::uint64_t{3'000'000});
  CHECK(value_of<std::uint64_t>(big.lane->call("count", appended.bytes)) == 3'000'000);
  CHECK(big.lane->call_with("reserve", max + 1).status == CallStatus::too_large);
  CHECK(big.lane->call_with("ignore", max + 1).status == CallStatus::too_large);
  CHECK(big.lane->call_with("regrow", std::uint64_t{100'000}).text() == "kept:end");
}

TEST_CASE(
    "call: a module's own codes and texts reach the caller, and exceptions are stopped at the border") { // fault 13
  Loaded user(test_module("service_user"));
  const Answer failed = user.lane->call_with("fail", std::int32_t{17});
  CHECK(failed.status == CallStatus::module_error);
  CHECK(failed.module_code == 17);
  CHECK(failed.text() == "failed on purpose");
  const Answer wrong = user.lane->call("sum", "three");
  CHECK(wrong.status == CallStatus::module_error);
  CHECK(wrong.module_code == -2);
  CHECK(value_of<std::int64_t>(user.lane->call_with("sum", std::array<std::int32_t, 2>{40, 2})) == 42);

  Loaded raw(test_module("raw_throw"));
  const Answer thrown = raw.lane->call("standard");
  CHECK(thrown.status == CallStatus::module_exception);
  CHECK(thrown.text() == "thrown by call");
  CHECK(raw.lane->call("integer").status == CallStatus::module_exception);

  Loaded misbehave(shipped_module("misbehave"));
  CHECK(misbehave.lane->call("throw_exception").text() == "thrown on purpose");
  CHECK(misbehave.lane->call("exhaust_memory").status == CallStatus::module_exception);
  CHECK(misbehave.lane->call("ok").text() == "ok");
}

TEST_CASE("call: the services tell the clock and the deadline") { // F3
  Loaded user(test_module("service_user"));
  const MonotonicNs before = monotonic_now();
  const auto now = value_of<std::uint64_t>(user.lane->call("now"));
  CHECK(now >= before);
  CHECK(now <= monotonic_now());
  CHECK(value_of<std::uint64_t>(user.lane->call("deadline")) == never);
  const MonotonicNs deadline = deadline_after(before, std::chrono::hours(1));
  CHECK(value_of<std::uint64_t>(user.lane->call("deadline", "", deadline)) == deadline);
}

TEST_CASE("call: a cancelled call and one past its deadline notice it") { // F5
  Loaded user(test_module("service_user"));
  const auto position = user.lane->start("until_cancelled");
  (void)user.runner.expect(ControlType::log); // it runs
  user.lane->caller().cancel(position);
  CHECK(user.lane->finish(position).text() == "noticed");
  CHECK(user.lane->call("until_cancelled", "", deadline_after(monotonic_now(), std::chrono::milliseconds(5))).status !=
        CallStatus::runner_lost);
}

TEST_CASE("call: a request that was cancelled while it waited never starts") {
  Loaded user(test_module("service_user"));
  const auto running = user.lane->start("until_cancelled");
  (void)user.runner.expect(ControlType::log);
  const auto waiting = user.lane->start("now");
  user.lane->caller().cancel(waiting);
  user.lane->caller().cancel(running);
  CHECK(user.lane->finish(running).status == CallStatus::ok);
  CHECK(user.lane->finish(waiting).status == CallStatus::cancelled);
}

TEST_CASE("call: a request that has passed the module before is refused") { // F3, cycles
  Loaded echo(shipped_module("echo"));
  const call::Chain chain{9, 1}; // the harness loads every module as number 1
  CHECK(echo.lane->call_id(call::method_id("echo"), {}, never, chain).status == CallStatus::call_cycle);
  const call::Chain others{9, 8};
  CHECK(echo.lane->call_id(call::method_id("echo"), {}, never, others).status == CallStatus::ok);
}

TEST_CASE("level 1: the reply is 4096 bytes, zeroed, and nothing of an earlier one is seen") { // F2
  Loaded echo(test_module("level1_echo"), "{\"level\": 1}");
  const std::string loud(4096, 'x');
  CHECK(echo.lane->call("echo", loud).text() == loud);
  const Answer quiet = echo.lane->call("echo", "hi");
  CHECK(quiet.status == CallStatus::ok);
  CHECK(quiet.text() == "hi" + std::string(4094, '\0'));
  CHECK(echo.lane->call("process").text().starts_with("{\"level\": 1}"));
  CHECK(echo.lane->call("increment").bytes[0] == std::byte{1});
  CHECK(echo.lane->call("increment").bytes[0] == std::byte{2});
  const Answer refused = echo.lane->call("echo", std::string(4097, 'x'));
  CHECK(refused.status == CallStatus::module_error);
  CHECK(refused.module_code == -2);
  CHECK(echo.lane->call("anything else").module_code == 17);
}

TEST_CASE("level 1: one byte beyond the output ends the runner and nobody else") { // F2
  Loaded overflow(test_module("level1_overflow"));
  CHECK(overflow.lane->call("echo").status == CallStatus::runner_lost);
  CHECK(overflow.runner.wait_for_exit() != os::ExitStatus{false, 0});
}

TEST_CASE("crash: the call that was running is lost, those behind it were never started") { // F6, F7, faults 10, 11, 20
  for (const char* method : {"segfault", "abort", "exit", "overflow_stack", "scribble"}) {
    CAPTURE(method);
    Loaded misbehave(shipped_module("misbehave"));
    const auto fatal = misbehave.lane->start(method);
    const auto queued = misbehave.lane->start("ok");
    const auto first = misbehave.lane->finish(fatal).status;
    // What a module scribbles over its own lane may be anything, but an answer comes.
    CHECK((first == CallStatus::runner_lost || std::string_view(method) == "scribble"));
    const auto second = misbehave.lane->finish(queued).status;
    CHECK((second == CallStatus::no_runner || std::string_view(method) == "scribble"));
  }
}

// DESIGN 7: `progress` on guarded pages away from payload, so that which calls were started stays exact.
TEST_CASE(
    "crash: a wild write beside the announcement of calls ends the runner there, and each call is classed exactly "
    "(guard pages, fault 20)") {
  struct WildWrite {
    const char* what;
    std::size_t body_offset; // in the runner's segment
    std::int64_t step;
    std::int64_t count;
  };
  constexpr auto word = sizeof(std::uint64_t);
  constexpr std::int64_t until_it_ends = 2 * page_bytes / word; // through the guard and over the announcement
  for (const WildWrite& wild : {
           WildWrite{"down from the first reply", call::replies_offset - word, -8, until_it_ends},
           WildWrite{"the first word behind the announcement's page", call::progress_guard_offset, 8, 1},
           WildWrite{"up from the end of the control page", call::control_guard_offset - word, 8, until_it_ends},
           WildWrite{"the last word before the announcement's page", call::progress_offset - word, 8, 1},
           WildWrite{"up from within the announcement's page", call::progress_guard_offset - word, 8, until_it_ends},
       }) {
    CAPTURE(wild.what);
    Loaded writer(test_module("wild_writer"));
    const call::LaneShape shape{.slots = 16, .slot_bytes = 256, .workers = 1};
    const auto replied = writer.lane->start("echo", "before");
    const std::uint64_t fatal_position = replied + 1;
    const std::array<std::int64_t, 3> place{
        static_cast<std::int64_t>(wild.body_offset) -
            static_cast<std::int64_t>(call::reply_offset(shape, fatal_position) + sizeof(call::ReplyHeader)),
        wild.step, wild.count};
    const auto fatal = writer.lane->start("scribble", {reinterpret_cast<const char*>(place.data()), sizeof place});
    REQUIRE(fatal == fatal_position);
    std::vector<std::uint64_t> queued;
    for (int i = 0; i < 3; ++i) {
      queued.push_back(writer.lane->start("echo", "behind"));
    }
    CHECK(writer.runner.wait_for_exit() == os::ExitStatus{true, SIGSEGV});
    CHECK(writer.lane->finish(replied).text() == "before");
    CHECK(writer.lane->finish(fatal).status == CallStatus::runner_lost);
    for (const auto position : queued) {
      CHECK(writer.lane->finish(position).status == CallStatus::no_runner);
    }
  }
}

TEST_CASE("crash: garbage in the announcement itself makes every call of the lane a started one") { // fault 20
  Loaded writer(test_module("wild_writer"));
  const call::LaneShape shape{.slots = 16, .slot_bytes = 256, .workers = 1};
  const std::int64_t to_progress = static_cast<std::int64_t>(call::progress_offset) -
                                   static_cast<std::int64_t>(call::reply_offset(shape, 0) + sizeof(call::ReplyHeader));
  // From its first word on to the end of its page and into the guard behind it.
  const std::array<std::int64_t, 3> place{to_progress, 8, page_bytes};
  const auto fatal = writer.lane->start("scribble", {reinterpret_cast<const char*>(place.data()), sizeof place});
  const auto queued = writer.lane->start("echo", "behind");
  CHECK(writer.runner.wait_for_exit() == os::ExitStatus{true, SIGSEGV});
  CHECK(writer.lane->finish(fatal).status == CallStatus::runner_lost);
  CHECK(writer.lane->finish(queued).status == CallStatus::runner_lost);
}
