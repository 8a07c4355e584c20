#pragma once

// The module ABI in C++: write a class with typed methods, name it once.
//
//   #include <ringfleet/module.hpp>
//
//   struct Greeter {
//     std::string greet(std::string_view name) { return "hello " + std::string(name); }
//   };
//   RINGFLEET_MODULE(Greeter, {.id = "greeter", .version = "1.0.0"}, RINGFLEET_METHOD(greet))
//
//   g++ -std=c++20 -O2 -fPIC -shared -fno-gnu-unique greeter.cpp -o greeter.so
//
// The class is constructed by init and destroyed by shutdown. Constructors that are understood, first match wins:
//   (Services, std::string_view config)   (std::string_view config)   (Services)   ()
// A method takes nothing, one argument, a `Reply&`, or one argument and a `Reply&`. Arguments and results are
//   std::span<const std::byte>, std::string_view    in place; valid until the method returns
//   std::string, std::vector<std::byte>             copies
//   a trivially copyable type                       its bytes; other lengths are RINGFLEET_BAD_ARGUMENTS
// and a method that fills its `Reply&` in place, without any copy, returns void. Optional members, called when they
// exist:
//   std::string health()                            empty: well; anything else is the reason why not
//   void quiesce()
//   T save(), void restore(A)                       types as for a method
// An exception that leaves any of them is stopped here: a ModuleError becomes its code, everything else the status
// `module_exception`, both with what() as text. Threads, order and lifetimes are those of module.h.
//
// Needs nothing but libstdc++.

#include "module.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ringfleet::module {

// Throw it from a method: the caller gets `module_error`, this code (not 0) and the text.
class ModuleError : public std::runtime_error {
public:
  ModuleError(int code, const std::string& text)
      : std::runtime_error(text), code_(code == 0 ? RINGFLEET_ERROR : code) {}
  [[nodiscard]] int code() const noexcept { return code_; }

private:
  int code_;
};

// The arguments are not what the method expects.
class BadArguments : public ModuleError {
public:
  explicit BadArguments(const std::string& text) : ModuleError(RINGFLEET_BAD_ARGUMENTS, text) {}
};

// There is no room for the reply. Let it pass: the caller is told `no_space` or `too_large`.
class NoSpace : public std::exception {
public:
  [[nodiscard]] const char* what() const noexcept override { return "no room for the reply"; }
};

// The reply of the call under way, written in place. Valid until the method returns.
class Reply {
public:
  explicit Reply(ringfleet_reply& reply) noexcept : reply_(&reply) {}

  // Room for `bytes` bytes in the memory that the caller reads; what was written before is kept and may have moved. The
  // length does not change. Throws NoSpace.
  std::span<std::byte> reserve(std::size_t bytes) {
    void* const data = reply_->reserve(reply_, bytes);
    if (data == nullptr) {
      throw NoSpace();
    }
    return {static_cast<std::byte*>(data), bytes};
  }
  // The reply is the first `bytes` bytes of what was reserved.
  void set_length(std::size_t bytes) {
    if (reply_->set_length(reply_, bytes) != RINGFLEET_OK) {
      throw NoSpace();
    }
  }
  // Appends.
  void write(std::span<const std::byte> bytes) {
    if (reply_->write(reply_, bytes.data(), bytes.size()) != RINGFLEET_OK) {
      throw NoSpace();
    }
  }
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  [[nodiscard]] std::size_t length() const noexcept { return reply_->length(reply_); }

private:
  ringfleet_reply* reply_;
};

enum class LogLevel : int { debug = 0, info = 1, warning = 2, error = 3 };

// The answer of another module.
struct Answer {
  int status = RINGFLEET_STATUS_OK; // ringfleet_status
  std::int32_t module_code = 0;
  std::vector<std::byte> bytes;

  [[nodiscard]] bool ok() const noexcept { return status == RINGFLEET_STATUS_OK; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

// What the runner offers. Cheap to copy; valid until shutdown has returned. Threads: see ringfleet_services.
class Services {
public:
  explicit Services(const ringfleet_services& services) noexcept : services_(&services) {}

  void log(LogLevel level, std::string_view text) const {
    services_->log(services_->context, static_cast<int>(level), text.data(), text.size());
  }
  [[nodiscard]] std::uint64_t now_ns() const { return services_->now_ns(services_->context); }
  [[nodiscard]] std::uint64_t deadline_ns() const { return services_->deadline_ns(services_->context); }
  [[nodiscard]] bool cancelled() const { return services_->cancelled(services_->context) != 0; }
  [[nodiscard]] Answer call(const char* module, const char* method, std::span<const std::byte> args,
                            std::uint64_t timeout_ns) const {
    struct Collector {
      Answer answer;
      std::exception_ptr failure;
    } collector;
    const auto on_reply = [](void* user, const void* data, std::uint64_t bytes) {
      auto& into = *static_cast<Collector*>(user);
      try {
        const auto* const first = static_cast<const std::byte*>(data);
        into.answer.bytes.assign(first, first + bytes);
      } catch (...) {
        into.failure = std::current_exception();
      }
    };
    collector.answer.status = services_->call(services_->context, module, method, args.data(), args.size(), timeout_ns,
                                              on_reply, &collector, &collector.answer.module_code);
    if (collector.failure) {
      std::rethrow_exception(collector.failure);
    }
    return std::move(collector.answer);
  }
  [[nodiscard]] Answer call(const char* module, const char* method, std::string_view args,
                            std::uint64_t timeout_ns) const {
    return call(module, method, std::as_bytes(std::span(args)), timeout_ns);
  }

private:
  const ringfleet_services* services_;
};

// What RINGFLEET_MODULE takes in its braces. `id` and `version` are required.
struct Info {
  const char* id = nullptr;
  const char* version = nullptr;
  const char* name = nullptr;
  const char* kind = nullptr;
  const char* description = nullptr;
  std::span<const ringfleet_dependency> dependencies = {}; // a static constexpr array of yours
};

// What RINGFLEET_METHOD takes after the name.
struct MethodInfo {
  bool idempotent = false;
  const char* description = nullptr;
  std::uint32_t id = 0; // 0: FNV-1a-32 of the name
};

} // namespace ringfleet::module

#include "module_glue.hpp"

// Once per module, at namespace scope, after the class: RINGFLEET_MODULE(Class, {.id = …, .version = …}, methods…).
#define RINGFLEET_MODULE(Class, ...)                                                                                   \
  namespace {                                                                                                          \
  struct RingfleetGlue {                                                                                               \
    using Self = Class;                                                                                                \
    static constexpr auto table = ::ringfleet::module::detail::table<Class>(__VA_ARGS__);                              \
  };                                                                                                                   \
  }                                                                                                                    \
  extern "C" RINGFLEET_EXPORT constinit const ringfleet_module_v2 ringfleet_module =                                   \
      ::ringfleet::module::detail::Hooks<Class, RingfleetGlue>::descriptor();

// RINGFLEET_METHOD(member) or RINGFLEET_METHOD(member, .idempotent = true, .description = "…"), inside
// RINGFLEET_MODULE.
#define RINGFLEET_METHOD(member, ...)                                                                                  \
  ::ringfleet::module::detail::method<Self, &Self::member>(#member, ::ringfleet::module::MethodInfo{__VA_ARGS__})
