//   caller --function pointer--> plain_echo()      one thread, one process

#include "floors/floors.hpp"

#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/error.hpp"

#include <memory>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

namespace ringfleet::bench {
namespace {

using Echo = std::size_t (*)(const void*, std::size_t, void*);

struct CloseLibrary {
  void operator()(void* library) const noexcept { dlclose(library); }
};

Sample measure(const Slice& slice, const std::string& path, std::size_t bytes) {
  pin_to(slice.client_core);
  const std::unique_ptr<void, CloseLibrary> library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library) {
    throw Error(ErrorCode::bad_module, fmt::format("load {}: {}", path, dlerror()), "build the whole project first");
  }
  const auto echo = reinterpret_cast<Echo>(dlsym(library.get(), "plain_echo"));
  if (echo == nullptr) {
    throw Error(ErrorCode::bad_module, fmt::format("{} has no symbol plain_echo", path));
  }
  std::vector<char> argument(bytes, 'a');
  std::vector<char> reply(bytes);
  char next = 0;
  Sample sample = time_blocks(slice, 256, [&] {
    argument[0] = ++next;
    echo(argument.data(), bytes, reply.data());
  });
  if (reply != argument) {
    throw Error(ErrorCode::bad_message, "the reply differs from the argument");
  }
  return sample;
}

} // namespace

Row floor_dlsym(const std::string& module_path, std::size_t bytes) {
  return {.name = "floor_dlsym", .parameters = {{"bytes", std::to_string(bytes)}}, .measure = [=](const Slice& slice) {
            return measure(slice, module_path, bytes);
          }};
}

} // namespace ringfleet::bench
