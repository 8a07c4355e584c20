#include "module_host.hpp"

#include "artifact.hpp"
#include "level1_host.hpp"
#include "level2_host.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using call::LoadFailure;

void inspect(int artifact) {
  const auto facts = os::file_facts(artifact, "module artifact");
  if (facts.size_bytes == 0) {
    throw LoadError(LoadFailure::not_elf, "the file is empty");
  }
  const os::Mapping mapping(artifact, facts.size_bytes, os::Access::read_only, "module artifact");
  inspect_artifact(mapping.bytes());
}

void* open_library(int artifact, std::string_view directory) {
  void* const library = dlopen(fmt::format("/proc/self/fd/{}", artifact).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const text = dlerror();
    throw LoadError(LoadFailure::dlopen_failed,
                    fmt::format("{}{}{}", text == nullptr ? "dlopen gives no reason" : text,
                                directory.empty() ? "" : "; private libraries are searched in ", directory));
  }
  return library;
}

template <typename Function>
Function* find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

Level1Symbols level1_symbols(void* library) {
  const Level1Symbols symbols{
      .init = find<Level1Init>(library, "memlink_init"),
      .call = find<Level1Call>(library, "memlink_call"),
      .shutdown = find<Level1Shutdown>(library, "memlink_shutdown"),
  };
  if (symbols.init == nullptr && symbols.call == nullptr && symbols.shutdown == nullptr) {
    throw LoadError(LoadFailure::missing_symbol, "exports neither " RINGFLEET_MODULE_SYMBOL
                                                 " (ABI level 2) nor memlink_init, memlink_call and memlink_shutdown "
                                                 "(level 1)");
  }
  const char* const missing = symbols.init == nullptr       ? "memlink_init"
                              : symbols.call == nullptr     ? "memlink_call"
                              : symbols.shutdown == nullptr ? "memlink_shutdown"
                                                            : nullptr;
  if (missing != nullptr) {
    throw LoadError(LoadFailure::missing_symbol,
                    fmt::format("a module of ABI level 1 that does not export {}", missing));
  }
  return symbols;
}

} // namespace

std::unique_ptr<ModuleHost> load_module(int artifact, std::string_view directory) {
  inspect(artifact);
  void* const library = open_library(artifact, directory);
  if (const void* const descriptor = dlsym(library, RINGFLEET_MODULE_SYMBOL); descriptor != nullptr) {
    return make_level2_host(descriptor);
  }
  return std::make_unique<Level1Host>(level1_symbols(library));
}

} // namespace ringfleet::runner
