#pragma once

// A stack of its own that can be left and entered again, or never again: what the explorer runs a process on.

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define RINGFLEET_EXPLORE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define RINGFLEET_EXPLORE_ASAN 1
#endif
#endif

namespace ringfleet::explore {

class Context {
public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Whatever ran here before is forgotten. `run` must not return.
  void prepare(std::function<void()> run) {
    run_ = std::move(run);
    if (!stack_) {
      stack_ = std::make_unique<std::byte[]>(stack_bytes);
    }
#ifdef RINGFLEET_EXPLORE_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack_.get(), stack_bytes);
#endif
    getcontext(&registers_);
    registers_.uc_stack.ss_sp = stack_.get();
    registers_.uc_stack.ss_size = stack_bytes;
    registers_.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&registers_, reinterpret_cast<void (*)()>(&Context::enter), 2, static_cast<unsigned>(address),
                static_cast<unsigned>(address >> 32));
  }

  static void change(Context& from, Context& to) {
#ifdef RINGFLEET_EXPLORE_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, to.stack_ ? to.stack_.get() : main_bottom_,
                                   to.stack_ ? stack_bytes : main_bytes_);
    swapcontext(&from.registers_, &to.registers_);
    arrived(fake_stack);
#else
    swapcontext(&from.registers_, &to.registers_);
#endif
  }

private:
  static constexpr std::size_t stack_bytes = 128 * 1024;

  static void enter(unsigned low, unsigned high) {
    auto* self = reinterpret_cast<Context*>(static_cast<std::uintptr_t>(high) << 32 | low);
#ifdef RINGFLEET_EXPLORE_ASAN
    arrived(nullptr);
#endif
    self->run_();
  }
#ifdef RINGFLEET_EXPLORE_ASAN
  // The first arrival is from the main stack, and learns where that lies.
  static void arrived(void* fake_stack) {
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
    if (main_bottom_ == nullptr) {
      main_bottom_ = bottom;
      main_bytes_ = bytes;
    }
  }
  inline static const void* main_bottom_ = nullptr;
  inline static std::size_t main_bytes_ = 0;
#endif

  ucontext_t registers_{};
  std::unique_ptr<std::byte[]> stack_;
  std::function<void()> run_;
};

} // namespace ringfleet::explore
