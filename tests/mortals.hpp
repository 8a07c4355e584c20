#pragma once

// Children that live until they are killed, by themselves or by the test, and memory that they and the test have.

#include <array>
#include <cstddef>
#include <new>

#include <doctest/doctest.h>

#include <csignal>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::test {

// A T in memory that stays shared over fork().
template <class T>
class ForkShared {
public:
  ForkShared() {
    void* bytes = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(bytes != MAP_FAILED);
    value_ = new (bytes) T{};
  }
  ~ForkShared() { ::munmap(value_, sizeof(T)); }
  ForkShared(const ForkShared&) = delete;
  ForkShared& operator=(const ForkShared&) = delete;

  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

private:
  T* value_;
};

// `count` roles, each played by one child after the other. Whoever is left at the end is killed.
template <std::size_t count>
class Mortals {
public:
  Mortals() = default;
  ~Mortals() {
    for (const auto child : children_) {
      if (child > 0) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
      }
    }
  }
  Mortals(const Mortals&) = delete;
  Mortals& operator=(const Mortals&) = delete;

  // `live()` does not return.
  template <class Live>
  void start(std::size_t role, Live&& live) {
    children_[role] = ::fork();
    REQUIRE(children_[role] >= 0);
    if (children_[role] == 0) {
      live();
      ::_exit(1);
    }
  }
  void kill(std::size_t role) const { ::kill(children_[role], SIGKILL); }

  enum class Fate { alive, killed, ended_otherwise };
  // Not alive: nobody plays this role any more. Never waits.
  [[nodiscard]] Fate reap(std::size_t role) {
    int status = 0;
    if (::waitpid(children_[role], &status, WNOHANG) != children_[role]) {
      return Fate::alive;
    }
    children_[role] = 0;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? Fate::killed : Fate::ended_otherwise;
  }
  [[nodiscard]] pid_t pid(std::size_t role) const { return children_[role]; }

private:
  std::array<pid_t, count> children_{};
};

} // namespace ringfleet::test
