// Loading: what a runner accepts, and the name of each way to refuse (F1, F2, F3; faults 22 and 23).

#include "harness.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <iterator>

using namespace ringfleet;
using namespace ringfleet::test;
using call::ControlType;
using call::LoadFailure;

namespace {

struct Refusal {
  LoadFailure failure;
  std::string text;
};

Refusal refusal_of(const std::string& module, const std::string& config = "{}") {
  RunnerProcess runner;
  const auto answer = runner.load(test_module(module), config);
  REQUIRE(answer.type == ControlType::failed);
  return {static_cast<LoadFailure>(answer.a), answer.text};
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

LoadFailure failure_of_bytes(const std::string& content) {
  RunnerProcess runner;
  return static_cast<LoadFailure>(runner.load_bytes(std::as_bytes(std::span(content))).a);
}

} // namespace

TEST_CASE("runner: a module of level 2 is loaded and described") {
  RunnerProcess runner;
  const auto answer = runner.load(test_module("service_user"));
  REQUIRE(answer.type == ControlType::loaded);
  const auto module = call::decode_module_description(answer.text);
  CHECK(module.abi == 2);
  CHECK(module.id == "service_user");
  CHECK(module.version == "1.2.3");
  CHECK(module.kind == "test");
  REQUIRE(module.methods.size() == 5);
  CHECK(module.methods[0].name == "deadline");
  CHECK(module.methods[0].id == call::method_id("deadline"));
  CHECK(module.methods[0].idempotent);
  CHECK_FALSE(module.methods[1].idempotent);
}

TEST_CASE("runner: a module of level 1 is loaded unchanged") { // F2
  RunnerProcess runner;
  const auto answer = runner.load(test_module("level1_echo"));
  REQUIRE(answer.type == ControlType::loaded);
  CHECK(call::decode_module_description(answer.text).abi == 1);
}

TEST_CASE("runner: a module of a newer header is accepted, what it appended is ignored") { // fault 22
  RunnerProcess runner;
  const auto answer = runner.load(test_module("newer_header"));
  REQUIRE(answer.type == ControlType::loaded);
  const auto module = call::decode_module_description(answer.text);
  REQUIRE(module.methods.size() == 2);
  CHECK(module.methods[1].name == "process");
}

TEST_CASE("runner: each wrong descriptor is refused by name") { // fault 22
  CHECK(refusal_of("wrong_abi_version").failure == LoadFailure::wrong_abi_version);
  CHECK(refusal_of("wrong_struct_size").failure == LoadFailure::wrong_struct_size);
  CHECK(refusal_of("no_call_hook").failure == LoadFailure::bad_descriptor);
  CHECK(refusal_of("same_method_ids").failure == LoadFailure::bad_descriptor);
}

TEST_CASE("runner: a shared object that lacks symbols is refused by name") { // F1, fault 23
  CHECK(refusal_of("no_symbols").failure == LoadFailure::missing_symbol);
  const auto partial = refusal_of("level1_without_shutdown");
  CHECK(partial.failure == LoadFailure::missing_symbol);
  CHECK(partial.text.find("memlink_shutdown") != std::string::npos);
  const auto undefined = refusal_of("undefined_symbol");
  CHECK(undefined.failure == LoadFailure::dlopen_failed);
  CHECK(undefined.text.find("provided_by_nobody") != std::string::npos);
}

TEST_CASE("runner: a file that is no shared object is refused before the dynamic loader sees it") { // F1, fault 23
  const std::string good = content_of(test_module("init_counter"));
  REQUIRE(good.size() > 4096);
  CHECK(failure_of_bytes("#!/bin/sh\necho no module\n") == LoadFailure::not_elf);
  std::string other_machine = good;
  other_machine[18] = 0x08; // e_machine: MIPS
  CHECK(failure_of_bytes(other_machine) == LoadFailure::wrong_machine);
  std::string program = good;
  program[16] = 1; // e_type: relocatable
  CHECK(failure_of_bytes(program) == LoadFailure::not_shared_object);
}

TEST_CASE("runner: a truncated file is refused wherever it is cut") { // fault 23
  const std::string good = content_of(test_module("init_counter"));
  for (const std::size_t size :
       {std::size_t{10}, std::size_t{63}, std::size_t{100}, std::size_t{1000}, good.size() / 2, good.size() - 1}) {
    CAPTURE(size);
    CHECK(failure_of_bytes(good.substr(0, size)) == LoadFailure::truncated);
  }
}

TEST_CASE("runner: an init that fails or throws is told apart, and shutdown is not called") { // F4
  RunnerProcess runner;
  const auto answer = runner.load(test_module("init_fails"));
  REQUIRE(answer.type == ControlType::failed);
  CHECK(static_cast<LoadFailure>(answer.a) == LoadFailure::init_failed);
  CHECK(answer.b == 42);
  CHECK(runner.expect(ControlType::log).text == "no database");
  runner.send(ControlType::stop);
  CHECK(runner.wait_for_exit() == os::ExitStatus{false, 0});
  const auto thrown = refusal_of("raw_throw", "{\"throw\": \"init\"}");
  CHECK(thrown.failure == LoadFailure::init_exception);
  CHECK(thrown.text.find("thrown by init") != std::string::npos);
}

TEST_CASE("runner: a constructor that aborts ends the runner alone") { // F1, fault 23
  RunnerProcess runner;
  runner.send_load(test_module("constructor_aborts"));
  CHECK(runner.wait_for_exit() == os::ExitStatus{true, SIGABRT});
}

TEST_CASE("runner: a constructor or an init that hangs leaves the control thread able to end") { // F1
  for (const char* module : {"constructor_hangs", "init_hangs"}) {
    RunnerProcess runner;
    runner.send_load(test_module(module));
    runner.close_channel();
    CHECK(runner.wait_for_exit() == os::ExitStatus{false, 0});
  }
}

TEST_CASE("runner: a private library beside the module is found") {
  RunnerProcess runner;
  REQUIRE(runner.load(test_module("uses_private_library")).type == ControlType::loaded);
  const auto lane = runner.open_lane();
  CHECK(lane->call("echo").text() == "4711");
}

TEST_CASE("runner: a load message that does not decode is answered") {
  RunnerProcess runner;
  runner.send(ControlType::load, 0, 0, "nonsense");
  CHECK(static_cast<LoadFailure>(runner.expect(ControlType::failed).a) == LoadFailure::bad_request);
}
