#pragma once

// A child process that its parent drives instruction by instruction. The child shares memory with the parent and stops
// itself at marks; between two marks the parent decides after every single instruction whether the child gets another
// one. A child that gets no other one has been killed there.
//
//   child:  body() { … mark(); the operation; mark(); … }
//   parent: run() to a mark, step() … step() to the next one

#include <cstdint>
#include <functional>

#include <sys/types.h>

namespace ringfleet::kill {

// Can this process step a child at all? A container, or a debugger around it, may forbid that.
[[nodiscard]] bool may_step();

// In the child: stops here until the parent goes on.
inline void mark() {
#ifdef __x86_64__
  asm volatile("ud2" ::: "memory");
#endif
}

class Stepper {
public:
  enum class Stop : std::uint8_t {
    stepped, // one instruction was executed
    marked,  // the child is at a mark; the next run() or step() goes on behind it
    ended    // the child is no more, or has received a deadly signal: cause()
  };

  // Forks; the child runs `body`, which never returns. It is killed with this object, and with its parent.
  explicit Stepper(const std::function<void()>& body);
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;
  ~Stepper();

  [[nodiscard]] Stop step(); // one instruction; one of a repeated string instruction
  [[nodiscard]] Stop run();  // to the next mark

  // The next instruction is a system call.
  [[nodiscard]] bool is_at_system_call() const;
  // After `ended`: the signal; 0 when the child has exited.
  [[nodiscard]] int cause() const { return cause_; }
  // Where the child stands, as addr2line -e wants it.
  [[nodiscard]] std::uint64_t place() const;

private:
  [[nodiscard]] Stop go_on(int request);

  pid_t pid_;
  int cause_ = 0;
};

} // namespace ringfleet::kill
