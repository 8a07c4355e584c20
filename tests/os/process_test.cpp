#include "chosen_pid.hpp"
#include "forked_child.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/os/child_process.hpp"
#include "ringfleet/os/poller.hpp"
#include "ringfleet/os/process.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::os;
using namespace std::chrono_literals;
using test::error_of;

namespace {

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.path = "/bin/sh";
  request.argv = {"sh", "-c", script};
  return request;
}

void wait_until_dead(const Descriptor& pidfd) {
  Poller poller;
  poller.add(pidfd.get(), 1);
  REQUIRE(poller.wait(deadline_after(monotonic_now(), 20s)).size() == 1);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  // Until the last writer is gone.
  std::string text() {
    write.reset();
    std::string result;
    std::array<char, 256> part{};
    for (ssize_t count = 0; (count = ::read(read.get(), part.data(), part.size())) > 0;) {
      result.append(part.data(), static_cast<std::size_t>(count));
    }
    return result;
  }
  Descriptor read;
  Descriptor write;
};

} // namespace

TEST_CASE("child: its exit code and its killing signal are told apart and named") {
  ChildProcess exits(shell("exit 3"));
  CHECK(exits.reap().to_string() == "exited with 3");
  ChildProcess crashes(shell("kill -SEGV $$"));
  CHECK(crashes.reap().to_string() == "killed by SIGSEGV (11)");
  CHECK(crashes.reap().signalled); // the status stays
  CHECK_FALSE(crashes.signal(SIGTERM));
}

TEST_CASE("child: that lives is not reaped, and its death shows on the pidfd before it is reaped") {
  ChildProcess child(shell("exec sleep 1000"));
  CHECK_FALSE(child.try_reap());
  CHECK_FALSE(is_dead(child.pidfd()));
  CHECK(liveness_of(child.identity()) == Liveness::alive);
  CHECK(child.signal(SIGKILL));
  wait_until_dead(child.pidfd());
  CHECK(is_dead(child.pidfd()));
  CHECK(liveness_of(child.identity()) == Liveness::dead);
  CHECK(child.try_reap() == ExitStatus{.signalled = true, .code = SIGKILL});
  CHECK(liveness_of(child.identity()) == Liveness::absent);
}

TEST_CASE("child: gets the descriptors it is given at their numbers and no others") {
  Pipe out;
  const Descriptor inheritable(::open("/dev/null", O_RDONLY)); // deliberately without close-on-exec
  // Asked one by one: listing the directory, or a pipeline, would show a descriptor of the shell's own.
  auto request = shell("for n in $(seq 0 60); do [ -e /proc/$$/fd/$n ] && printf \"$n \"; done; true");
  request.env = {"PATH=/usr/bin:/bin"};
  request.descriptors = {{out.write.get(), 1}, {out.write.get(), 5}, {out.read.get(), 3}};
  ChildProcess child(request);
  CHECK(out.text() == "0 1 2 3 5 ");
  CHECK(child.reap().code == 0);
}

TEST_CASE("child: sources and targets may overlap in any way") {
  Pipe a;
  Pipe b;
  const int first = a.write.get();
  const int second = b.write.get();
  // By path, because the shell knows only single digits as numbers of descriptors.
  auto request =
      shell("printf a >/proc/self/fd/" + std::to_string(second) + "; printf b >/proc/self/fd/" + std::to_string(first));
  request.descriptors = {{first, second}, {second, first}};
  ChildProcess child(request);
  child.reap();
  CHECK(a.text() == "a");
  CHECK(b.text() == "b");
}

TEST_CASE("child: starts with default signals, no mask and the given environment only") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  ::signal(SIGPIPE, SIG_IGN);
  Pipe out;
  // The last seven digits: signals 1 to 28. The C library keeps two above them for itself.
  auto request = shell("grep -E 'SigBlk|SigIgn' /proc/self/status | sed 's/.*\\(.\\{7\\}\\)$/\\1 /' | tr -d '\\n'; "
                       "printf %s \"$GIVEN$HOME\"");
  request.env = {"PATH=/usr/bin:/bin", "GIVEN=yes"};
  request.descriptors = {{out.write.get(), 1}};
  ChildProcess child(request);
  CHECK(out.text() == "0000000 0000000 yes");
  ::signal(SIGPIPE, SIG_DFL);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  child.reap();
}

TEST_CASE("child: a program that does not exist is an error that names it") {
  SpawnRequest request;
  request.path = "/nonexistent/program";
  request.argv = {"program"};
  std::string text;
  CHECK(error_of([&] { ChildProcess child(request); }, &text) == ErrorCode::not_found);
  CHECK(text.find("/nonexistent/program") != std::string::npos);
}

TEST_CASE("child: assigning over a live owner kills and reaps what it held") {
  ChildProcess held(shell("exec sleep 1000"));
  const auto first = held.identity();
  held = ChildProcess(shell("exec sleep 1000"));
  CHECK(liveness_of(first) == Liveness::absent);
  CHECK(liveness_of(held.identity()) == Liveness::alive);
}

TEST_CASE("process: a zombie that nobody reaps counts as dead") {
  const pid_t pid = test::fork_child([] { return 0; }); // fault 35
  const auto pidfd = open_pidfd(pid);
  const auto identity = identity_of(pid);
  wait_until_dead(pidfd);
  CHECK(is_dead(pidfd));
  CHECK(liveness_of(*identity) == Liveness::dead);
  test::wait_for_child(pid);
  CHECK(liveness_of(*identity) == Liveness::absent);
  CHECK_FALSE(identity_of(pid));
  CHECK(error_of([&] { (void)open_pidfd(pid); }) == ErrorCode::not_found);
}

TEST_CASE("process: a pid with another start time is somebody else") {
  auto identity = own_identity(); // fault 34
  CHECK(liveness_of(identity) == Liveness::alive);
  ++identity.start_time_ticks;
  CHECK(liveness_of(identity) == Liveness::absent);
}

TEST_CASE("process: one that has got the pid of a dead one is not taken for it, and gets no signal for it (pid used "
          "again)") { // fault 34
  const pid_t pid = test::fork_child([] { return ::pause(); });
  const auto gone = identity_of(pid);
  REQUIRE(gone);
  const auto pidfd = open_pidfd(pid);
  ::kill(pid, SIGKILL);
  test::wait_for_child(pid);
  const test::Stranger stranger(*gone);
  if (!stranger) {
    return;
  }
  CHECK(stranger.pid() == pid);
  CHECK(liveness_of(*gone) == Liveness::absent);
  CHECK(is_dead(pidfd));
  CHECK_FALSE(send_signal(pidfd, SIGKILL));
  CHECK(liveness_of(*identity_of(pid)) == Liveness::alive);
  CHECK_FALSE(is_dead(open_pidfd(pid)));
}

TEST_CASE("process: one that /proc hides is not taken for dead (hidepid, another user)") {
  constexpr int not_allowed = 77;
  const auto parent = static_cast<std::int32_t>(::getpid());
  const auto ended = ringfleet::test::in_forked_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("proc", "/proc", "proc", 0, "hidepid=2") != 0 || ::setgroups(0, nullptr) != 0 ||
        ::setresgid(65'534, 65'534, 65'534) != 0 || ::setresuid(65'534, 65'534, 65'534) != 0) {
      return not_allowed;
    }
    std::string text;
    const bool is_told =
        ringfleet::test::error_of([&] { (void)identity_of(parent); }, &text) == ErrorCode::no_permission &&
        ringfleet::test::error_of([&] { (void)liveness_of({parent, 1}); }) == ErrorCode::no_permission;
    return is_told && text.find("does not show it") != std::string::npos ? 0 : 1;
  });
  REQUIRE_FALSE(ended.signalled);
  if (ended.code == not_allowed) {
    MESSAGE("SKIPPED: a process may not have a /proc of its own here");
    return;
  }
  CHECK(ended.code == 0);
}

TEST_CASE("process: stopped is told apart from running and from dead") {
  ChildProcess child(shell("exec sleep 1000")); // fault 8
  CHECK_FALSE(is_stopped(child.pid()));
  child.signal(SIGSTOP);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT) == 0);
  CHECK(is_stopped(child.pid()));
  CHECK_FALSE(is_dead(child.pidfd()));
  CHECK_FALSE(child.try_reap());
  child.signal(SIGKILL);
  CHECK(child.reap().signalled);
  CHECK_FALSE(is_stopped(child.pid()));
}

TEST_CASE("process: with a parent death signal dies with its parent, and is told when it came too late") {
  Pipe alive; // its write end is held by the grandchild only, so its end is the grandchild's end
  const pid_t parent = test::fork_child([&] {
    const pid_t self = ::getpid();
    Pipe ready;
    test::fork_child([&] {
      if (!set_parent_death_signal(SIGKILL, self)) {
        return 1;
      }
      ready.read.reset();
      ready.write.reset();
      while (true) {
        ::pause();
      }
    });
    ready.text(); // the grandchild is prepared
    return 0;
  });
  CHECK(test::wait_for_child(parent).code == 0);
  CHECK(alive.text().empty());
  CHECK(test::in_forked_child([] { return set_parent_death_signal(0, 1 << 30) ? 1 : 0; }).code == 0);
}
