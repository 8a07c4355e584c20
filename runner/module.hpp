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
// A method takes nothing, one argument, a `Reply&`, or one argument and a `Reply&`; see Argument and `send` below for
// the types. Optional members, called when they exist:
//   std::string health()                      empty: well; anything else is the reason why not
//   void quiesce()
//   T save(), void restore(A)                 types as for a method
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

namespace detail {

using Bytes = std::span<const std::byte>;

template <typename T>
concept Struct = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_reference_v<T>;

// Argument types: std::span<const std::byte> and std::string_view (in place, no copy), std::string and
// std::vector<std::byte> (copies), any trivially copyable type (must be exactly that long).
template <typename T>
T decode(Bytes bytes) {
  const auto* const letters = reinterpret_cast<const char*>(bytes.data());
  if constexpr (std::same_as<T, Bytes>) {
    return bytes;
  } else if constexpr (std::same_as<T, std::string_view> || std::same_as<T, std::string>) {
    return T(letters, bytes.size());
  } else if constexpr (std::same_as<T, std::vector<std::byte>>) {
    return T(bytes.begin(), bytes.end());
  } else {
    static_assert(Struct<T> && std::is_default_constructible_v<T>,
                  "a method's argument is bytes, text, or a trivially copyable type");
    if (bytes.size() != sizeof(T)) {
      throw BadArguments("expected " + std::to_string(sizeof(T)) + " bytes of arguments, got " +
                         std::to_string(bytes.size()));
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
}

// Result types: the same; a `const char*` is a mistake that compiles elsewhere, so it is refused here.
template <typename T>
void send(const T& value, Reply& reply) {
  if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
    reply.write(std::string_view(value));
  } else if constexpr (std::convertible_to<const T&, Bytes>) {
    reply.write(Bytes(value));
  } else {
    static_assert(Struct<T>, "a method's result is void, bytes, text, or a trivially copyable type");
    reply.write(std::as_bytes(std::span(&value, 1)));
  }
}

template <typename R, typename F>
void send_result(Reply& reply, F&& invoke) {
  if constexpr (std::is_void_v<R>) {
    invoke();
  } else {
    send<std::remove_cvref_t<R>>(invoke(), reply);
  }
}

template <typename R, typename... A, typename F>
void invoke_as(F&& member, Bytes args, Reply& reply) {
  send_result<R>(reply, [&]() -> R {
    if constexpr (sizeof...(A) == 0) {
      return member();
    } else if constexpr ((std::same_as<A, Reply&> && ...)) {
      return member(reply);
    } else {
      return member(decode<std::remove_cvref_t<A>>(args)...);
    }
  });
}

template <typename R, typename First, typename Second, typename F>
void invoke_with_reply(F&& member, Bytes args, Reply& reply) {
  static_assert(std::same_as<Second, Reply&>, "the second argument of a method is a Reply&");
  send_result<R>(reply, [&]() -> R { return member(decode<std::remove_cvref_t<First>>(args), reply); });
}

template <typename R, typename... A, typename F>
void invoke_any(F&& member, Bytes args, Reply& reply) {
  static_assert(sizeof...(A) <= 2, "a method takes at most one argument and a Reply&");
  if constexpr (sizeof...(A) == 2) {
    invoke_with_reply<R, A...>(member, args, reply);
  } else {
    invoke_as<R, A...>(member, args, reply);
  }
}

template <typename Class, typename R, typename... A>
void invoke(Class& object, R (Class::*member)(A...), Bytes args, Reply& reply) {
  invoke_any<R, A...>([&](auto&&... a) -> R { return (object.*member)(std::forward<decltype(a)>(a)...); }, args, reply);
}

template <typename Class, typename R, typename... A>
void invoke(Class& object, R (Class::*member)(A...) const, Bytes args, Reply& reply) {
  invoke_any<R, A...>([&](auto&&... a) -> R { return (object.*member)(std::forward<decltype(a)>(a)...); }, args, reply);
}

// An error's text is the whole reply: what the method wrote before it failed is dropped.
inline void send_text(ringfleet_reply& reply, const char* text) noexcept {
  reply.set_length(&reply, 0);
  reply.write(&reply, text, std::strlen(text));
}

template <typename F>
int guarded(ringfleet_reply* reply, F&& body) noexcept {
  const auto report = [reply](const char* text) {
    if (reply != nullptr) {
      send_text(*reply, text);
    }
  };
  try {
    body();
    return RINGFLEET_OK;
  } catch (const ModuleError& error) {
    report(error.what());
    return error.code();
  } catch (const NoSpace&) {
    return RINGFLEET_ERROR;
  } catch (const std::exception& error) {
    report(error.what());
    return RINGFLEET_EXCEPTION;
  } catch (...) {
    report("an exception that is not a std::exception");
    return RINGFLEET_EXCEPTION;
  }
}

template <typename Class>
struct Method {
  using Thunk = void (*)(Class&, Bytes, Reply&);
  ringfleet_method description;
  Thunk thunk;
};

template <typename Class, auto member>
constexpr Method<Class> method(const char* name, MethodInfo info = {}) {
  return {{name, info.id, info.idempotent ? RINGFLEET_IDEMPOTENT : 0U, info.description},
          [](Class& object, Bytes args, Reply& reply) { invoke(object, member, args, reply); }};
}

template <typename Class, std::size_t count>
struct Table {
  Info info;
  std::array<ringfleet_method, count> methods;
  std::array<typename Method<Class>::Thunk, count> thunks;
};

template <typename Class, typename... M>
constexpr Table<Class, sizeof...(M)> table(Info info, M... methods) {
  return {info, {methods.description...}, {methods.thunk...}};
}

template <typename Class>
std::unique_ptr<Class> construct(const Services& services, std::string_view config) {
  if constexpr (std::is_constructible_v<Class, const Services&, std::string_view>) {
    return std::make_unique<Class>(services, config);
  } else if constexpr (std::is_constructible_v<Class, std::string_view>) {
    return std::make_unique<Class>(config);
  } else if constexpr (std::is_constructible_v<Class, const Services&>) {
    return std::make_unique<Class>(services);
  } else {
    return std::make_unique<Class>();
  }
}

// The C hooks of `Class`, whose method table is the static constexpr `Glue::table`.
template <typename Class, typename Glue>
struct Hooks {
  static Class& self(void* state) { return *static_cast<Class*>(state); }

  static int init(const ringfleet_services* services, const char* config, std::uint64_t bytes, void** state) {
    const Services front(*services);
    try {
      *state = construct<Class>(front, std::string_view(config, bytes)).release();
      return RINGFLEET_OK;
    } catch (const ModuleError& error) {
      front.log(LogLevel::error, error.what());
      return error.code();
    } catch (const std::exception& error) {
      front.log(LogLevel::error, error.what());
      return RINGFLEET_EXCEPTION;
    } catch (...) {
      front.log(LogLevel::error, "an exception that is not a std::exception");
      return RINGFLEET_EXCEPTION;
    }
  }
  static int call(void* state, std::uint32_t method, const void* args, std::uint64_t bytes, ringfleet_reply* reply) {
    return guarded(reply, [&] {
      Reply front(*reply);
      Glue::table.thunks[method](self(state), Bytes(static_cast<const std::byte*>(args), bytes), front);
    });
  }
  static int health(void* state, ringfleet_reply* reply) {
    return guarded(reply, [&] {
      if constexpr (requires(Class& object) { object.health(); }) {
        const std::string reason = self(state).health();
        if (!reason.empty()) {
          throw ModuleError(RINGFLEET_ERROR, reason);
        }
      }
    });
  }
  static int quiesce(void* state) {
    return guarded(nullptr, [&] {
      if constexpr (requires(Class& object) { object.quiesce(); }) {
        self(state).quiesce();
      }
    });
  }
  static int save(void* state, ringfleet_reply* reply) {
    return guarded(reply, [&] {
      if constexpr (requires { &Class::save; }) {
        Reply front(*reply);
        invoke(self(state), &Class::save, {}, front);
      }
    });
  }
  static int restore(void* state, const void* data, std::uint64_t bytes) {
    return guarded(nullptr, [&] {
      if constexpr (requires { &Class::restore; }) {
        restore_from(&Class::restore, self(state), Bytes(static_cast<const std::byte*>(data), bytes));
      }
    });
  }
  template <typename R, typename A>
  static void restore_from(R (Class::*member)(A), Class& object, Bytes bytes) {
    (object.*member)(decode<std::remove_cvref_t<A>>(bytes));
  }
  static int shutdown(void* state) {
    return guarded(nullptr, [&] { delete &self(state); });
  }

  static constexpr ringfleet_module_v2 descriptor() {
    const Info& info = Glue::table.info;
    return {RINGFLEET_ABI_VERSION, sizeof(ringfleet_module_v2), info.id, info.name, info.version, info.kind,
            info.description, Glue::table.methods.data(), static_cast<std::uint32_t>(Glue::table.methods.size()),
            sizeof(ringfleet_method), info.dependencies.data(), static_cast<std::uint32_t>(info.dependencies.size()),
            sizeof(ringfleet_dependency), &init, &call, &health, &quiesce, requires {&Class::save;
  }
  ? &save : nullptr, requires { &Class::restore; } ? &restore : nullptr, &shutdown,
};
} // namespace detail
}; // namespace ringfleet::module

} // namespace detail
} // namespace ringfleet::module

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
