// Control messages and the texts of the load handshake between two ends of one process. What a hostile end may send
// besides is the business of tests/fuzz.

#include "../os/forked_child.hpp"
#include "../words.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/lane_layout.hpp"
#include "ringfleet/call/wait_mode.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::call;
using test::count_words;
using test::error_of;

TEST_CASE("control message: arrives whole, with its text and its descriptors") {
  auto [left, right] = os::Socket::pair();
  ControlChannel mine(std::move(left));
  ControlChannel theirs(std::move(right));
  CHECK_FALSE(static_cast<bool>(ControlChannel()));
  CHECK(static_cast<bool>(mine));
  CHECK(mine.fd() >= 0);
  const std::vector<int> passed{STDERR_FILENO, STDERR_FILENO};
  CHECK(mine.send({.type = ControlType::lane_open, .a = 7, .text = "hello"}, passed) == os::SocketStatus::ok);
  ControlMessage message;
  CHECK(theirs.receive(message) == os::SocketStatus::ok);
  CHECK(message.type == ControlType::lane_open);
  CHECK(message.a == 7);
  CHECK(message.text == "hello");
  CHECK(message.descriptors.size() == 2);
  mine.close();
  CHECK_FALSE(static_cast<bool>(mine));
  CHECK(theirs.receive(message) == os::SocketStatus::closed);
}

TEST_CASE("control message: too long a text or too many descriptors are refused, by the limits") {
  auto [left, right] = os::Socket::pair();
  ControlChannel mine(std::move(left));
  std::string text;
  CHECK(error_of([&] { (void)mine.send({.text = std::string(control_text_bytes_max + 1, 'x')}); }, &text) ==
        ErrorCode::limit_reached);
  CHECK(text.find(std::to_string(control_text_bytes_max)) != std::string::npos);
  const std::vector<int> passed(limits::control_descriptors_max + 1, STDERR_FILENO);
  CHECK(error_of([&] { (void)mine.send({}, passed); }) == ErrorCode::limit_reached);
}

TEST_CASE("control message: a packet that is none is refused by what is wrong with it") {
  auto [left, right] = os::Socket::pair();
  ControlChannel theirs(std::move(right));
  ControlHeader header{};
  header.magic = control_magic;
  header.version = control_version;
  const auto refused = [&](const ControlHeader& sent, ErrorCode code, std::size_t bytes = sizeof(ControlHeader)) {
    REQUIRE(left.send(std::as_bytes(std::span(&sent, 1)).first(bytes)) == os::SocketStatus::ok);
    ControlMessage message;
    std::string text;
    CHECK(error_of([&] { (void)theirs.receive(message); }, &text) == code);
    return text;
  };
  CHECK(refused(header, ErrorCode::bad_message, sizeof header - 1).find("of 47 bytes") != std::string::npos);
  auto wrong = header;
  wrong.magic ^= 1;
  CHECK(refused(wrong, ErrorCode::bad_message).find("magic") != std::string::npos);
  wrong = header;
  ++wrong.version;
  CHECK(refused(wrong, ErrorCode::version_mismatch).find("this program speaks version") != std::string::npos);
  wrong = header;
  wrong.text_bytes = 1;
  CHECK(refused(wrong, ErrorCode::bad_message).find("announces 1 bytes of text") != std::string::npos);
  wrong = header;
  wrong.descriptors = 1;
  CHECK(refused(wrong, ErrorCode::bad_message).find("1 descriptors, and has 0 and 0") != std::string::npos);
  ControlMessage message;
  REQUIRE(left.send(std::as_bytes(std::span(&header, 1))) == os::SocketStatus::ok);
  CHECK(theirs.receive(message) == os::SocketStatus::ok);
}

TEST_CASE("control message: a text for people is cut to what fits, and says that it was") {
  CHECK(cut_text("short") == "short");
  const auto cut = cut_text(std::string(control_text_bytes_max + 1, 'x'));
  CHECK(cut.size() == control_text_bytes_max);
  CHECK(cut.ends_with("x …"));
}

TEST_CASE("control message, load failure, wait mode: each value has a word of its own") {
  // 39 types and one word for all others.
  CHECK(count_words<ControlType>(1'000) == 40);
  CHECK(count_words<LoadFailure>(1'000) == 13);
  CHECK(to_string(WaitMode::park) != to_string(WaitMode::spin));
}

TEST_CASE("handshake: a description comes back as it was, whatever is optional or idempotent in it") {
  ModuleDescription description;
  description.abi = 2;
  description.id = "org.example.zip";
  description.dependencies = {{.id = "a", .version_min = "1.0", .optional = true}, {.id = "b"}};
  description.methods = {{.name = "pack", .id = 1, .idempotent = true}, {.name = "append", .id = 2}};
  const auto back = decode_module_description(encode(description));
  CHECK(back.id == description.id);
  REQUIRE(back.dependencies.size() == 2);
  CHECK(back.dependencies[0].optional);
  CHECK_FALSE(back.dependencies[1].optional);
  REQUIRE(back.methods.size() == 2);
  CHECK(back.methods[0].idempotent);
  CHECK_FALSE(back.methods[1].idempotent);
}

TEST_CASE("lane shape: every number outside its limits makes it invalid") {
  const LaneShape good{4, 256, 2};
  CHECK(is_valid(good));
  const auto with = [&](auto change) {
    auto shape = good;
    change(shape);
    return is_valid(shape);
  };
  CHECK_FALSE(with([](LaneShape& s) { s.slots = 0; }));
  CHECK_FALSE(with([](LaneShape& s) { s.slots = 3; }));
  CHECK_FALSE(with([](LaneShape& s) { s.slots = limits::lane_slots_max * 2; }));
  CHECK_FALSE(with([](LaneShape& s) { s.slot_bytes = limits::slot_bytes_min - 1; }));
  CHECK_FALSE(with([](LaneShape& s) { s.slot_bytes = limits::slot_bytes_max + 1; }));
  CHECK_FALSE(with([](LaneShape& s) { s.workers = 0; }));
  CHECK_FALSE(with([](LaneShape& s) { s.workers = limits::workers_max + 1; }));
}
