#pragma once

// What RINGFLEET_MODULE is made of: arguments out of bytes, results into the reply, members called through C hooks,
// exceptions stopped. Part of module.hpp, not to be included by itself.

#include "module.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ringfleet::module::detail {

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
} // namespace ringfleet::module::detail
}
; // namespace ringfleet::module

} // namespace ringfleet::module::detail
