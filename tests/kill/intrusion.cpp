#include "intrusion.hpp"

#include <csignal>

#include <ucontext.h>

namespace ringfleet::kill {
namespace {

#ifdef __x86_64__

constexpr std::uint64_t trap_flag = 0x100;

const std::function<bool(std::uint64_t)>* intruder; // none: leave the interrupted thread alone
std::uint64_t instructions;

void on_trap(int, siginfo_t*, void* interrupted) {
  if (intruder != nullptr && (*intruder)(++instructions)) {
    return;
  }
  auto& flags = static_cast<ucontext_t*>(interrupted)->uc_mcontext.gregs[REG_EFL];
  flags &= ~static_cast<greg_t>(trap_flag);
}

#endif

} // namespace

bool may_intrude() {
#ifdef __x86_64__
  return true;
#else
  return false;
#endif
}

std::uint64_t intrude_upon(const std::function<void()>& read, const std::function<bool(std::uint64_t)>& intrude) {
#ifdef __x86_64__
  struct sigaction action{};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGTRAP, &action, nullptr);
  intruder = &intrude;
  instructions = 0;
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | trap_flag);
  try {
    read();
  } catch (...) {
    intruder = nullptr;
    throw;
  }
  intruder = nullptr;
#else
  (void)intrude;
  read();
#endif
  return instructions;
}

} // namespace ringfleet::kill
