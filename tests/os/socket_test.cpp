#include "forked_child.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/socket.hpp"
#include "scratch_directory.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::os;
using namespace std::chrono_literals;
using test::error_of;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
MonotonicNs patiently() {
  return deadline_after(monotonic_now(), 20s);
}

std::string text_of(std::span<const std::byte> buffer, const Received& received) {
  return {reinterpret_cast<const char*>(buffer.data()), received.bytes};
}

Descriptor open_null() {
  return Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

} // namespace

TEST_CASE("socket: keeps message boundaries and passes descriptors close-on-exec") {
  auto [mine, theirs] = Socket::pair();
  const auto null = open_null();
  const std::array<int, 2> passed = {null.get(), null.get()};
  std::string head = "head ";
  std::string tail = "tail";
  const std::array<iovec, 2> parts = {iovec{head.data(), head.size()}, iovec{tail.data(), tail.size()}};
  CHECK(mine.send(parts, passed, 0) == SocketStatus::ok);
  CHECK(mine.send(bytes_of("second")) == SocketStatus::ok);

  std::array<std::byte, 64> buffer{};
  const auto first = theirs.receive(buffer);
  CHECK(first.status == SocketStatus::ok);
  CHECK(text_of(buffer, first) == "head tail");
  REQUIRE(first.descriptors.size() == 2);
  CHECK((::fcntl(first.descriptors[1].get(), F_GETFD) & FD_CLOEXEC) != 0);
  const auto second = theirs.receive(buffer);
  CHECK(text_of(buffer, second) == "second");
  CHECK(second.descriptors.empty());
  CHECK(theirs.receive(buffer).status == SocketStatus::would_block);
  CHECK(theirs.receive(buffer, deadline_after(monotonic_now(), 1ms)).status == SocketStatus::would_block);
}

TEST_CASE("socket: the end of the peer is an answer, not a signal") {
  auto [mine, theirs] = Socket::pair();
  theirs.close();
  std::array<std::byte, 8> buffer{};
  CHECK(mine.send(bytes_of("x")) == SocketStatus::closed);
  CHECK(mine.receive(buffer, patiently()).status == SocketStatus::closed);
}

TEST_CASE("socket: a peer that does not read makes send give up at its deadline") {
  auto [mine, theirs] = Socket::pair();
  const std::vector<std::byte> message(4'096);
  SocketStatus status = SocketStatus::ok;
  for (int i = 0; i < 100'000 && status == SocketStatus::ok; ++i) {
    status = mine.send(message, {}, deadline_after(monotonic_now(), 1ms));
  }
  CHECK(status == SocketStatus::would_block);
}

TEST_CASE("socket: a message longer than the buffer is an error, and the next one is intact") {
  auto [mine, theirs] = Socket::pair();
  CHECK(mine.send(bytes_of("much too long")) == SocketStatus::ok);
  CHECK(mine.send(bytes_of("fits")) == SocketStatus::ok);
  std::array<std::byte, 4> buffer{};
  CHECK(error_of([&] { (void)theirs.receive(buffer); }) == ErrorCode::bad_message);
  CHECK(text_of(buffer, theirs.receive(buffer)) == "fits");
}

TEST_CASE("socket: a message longer than any socket takes is refused") {
  auto [mine, theirs] = Socket::pair();
  CHECK(error_of([&, &sender = mine] { (void)sender.send(std::vector<std::byte>(64U << 20)); }) ==
        ErrorCode::limit_reached);
}

TEST_CASE("socket: descriptors lost at the receiver's limit are an error, and none of them leaks (RLIMIT_NOFILE)") {
  auto [mine, theirs] = Socket::pair(); // fault 17
  const auto null = open_null();
  const std::array<int, 3> passed = {null.get(), null.get(), null.get()};
  CHECK(mine.send(bytes_of("three"), passed) == SocketStatus::ok);
  CHECK(mine.send(bytes_of("again"), passed) == SocketStatus::ok);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = open_null().get();
  const rlimit tight{static_cast<rlim_t>(lowest_free) + 1, before.rlim_max}; // room for one
  ::setrlimit(RLIMIT_NOFILE, &tight);
  std::array<std::byte, 64> buffer{};
  std::string text;
  const auto code = error_of([&, &receiver = theirs] { (void)receiver.receive(buffer); }, &text);
  const int lowest_free_after = open_null().get();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(code == ErrorCode::no_descriptors);
  CHECK(text.find("ulimit -n") != std::string::npos);
  CHECK(lowest_free_after == lowest_free);
  CHECK(theirs.receive(buffer).descriptors.size() == 3);
}

TEST_CASE("socket: client and server meet at a path and know each other's process") {
  test::ScratchDirectory directory;
  const auto path = directory / "control";
  auto listener = Socket::listen(path);
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(listener.accept());

  const pid_t child = test::fork_child([&] {
    auto client = Socket::connect(path);
    std::array<std::byte, 8> buffer{};
    (void)client.receive(buffer, patiently()); // lives until the server says so
    return 0;
  });
  auto accepted = listener.accept(patiently());
  REQUIRE(accepted);
  const auto peer = accepted->peer();
  CHECK(peer.pid == child);
  CHECK(peer.uid == ::geteuid());
  CHECK(peer.start_time_ticks == identity_of(child)->start_time_ticks);
  CHECK_FALSE(is_dead(peer.pidfd));
  CHECK(accepted->send(bytes_of("bye")) == SocketStatus::ok);
  test::wait_for_child(child);
  CHECK(is_dead(peer.pidfd));
  CHECK(error_of([&] { (void)accepted->peer(); }) == ErrorCode::peer_died);
}

TEST_CASE("socket: no socket, a dead one and a live one are told apart") {
  test::ScratchDirectory directory;
  const auto path = directory / "control";
  std::string text;
  CHECK(error_of([&] { (void)Socket::connect(path); }, &text) == ErrorCode::not_found);
  CHECK(text.find("is it running?") != std::string::npos);
  {
    const auto dead = Socket::listen(path);
  }
  CHECK(error_of([&] { (void)Socket::connect(path); }, &text) == ErrorCode::not_found);
  CHECK(text.find("nobody listens there any more") != std::string::npos);
  const auto live = Socket::listen(path); // fault 30: replaces the dead one
  CHECK(error_of([&] { (void)Socket::listen(path); }) == ErrorCode::already_exists);
  CHECK(Socket::connect(path));
}

TEST_CASE("socket: a path longer than a socket address works") {
  test::ScratchDirectory directory;
  const auto deep = directory / std::string(150, 'd');
  create_private_directory(deep);
  auto listener = Socket::listen(deep + "/control");
  const auto client = Socket::connect(deep + "/control");
  CHECK(listener.accept(patiently()));
}
