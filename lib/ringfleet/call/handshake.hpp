#pragma once

// What scheduler and runner say when a module is loaded: the request, the description that comes back, and the named
// ways to fail. Texts of the control messages `load`, `loaded` and `failed`.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::call {

struct LoadRequest {
  std::string module;       // id in the topology
  std::uint32_t number = 0; // the module's number in call chains, not 0
  std::string name;         // the file, for messages
  std::string config;       // JSON text, handed to init as it is
  std::string directory;    // of the module's file; its private libraries are found there
  // What the runner may take, set before the module is loaded. 0: as the scheduler itself.
  std::uint64_t memory_limit_bytes = 0;
  std::uint32_t descriptor_limit = 0;
};

struct MethodDescription {
  std::string name;
  std::uint32_t id = 0;
  bool idempotent = false;
  std::string description = {};
};

struct DependencyDescription {
  std::string id;
  std::string version_min = {}; // empty: any
  bool optional = false;
};

struct ModuleDescription {
  std::uint32_t abi = 0; // 1 or 2. Level 1 has no metadata: everything below is empty, any method id is accepted
  std::string id;
  std::string name;
  std::string version;
  std::string kind;
  std::string description;
  std::vector<DependencyDescription> dependencies;
  std::vector<MethodDescription> methods;
};

enum class LoadFailure : std::uint32_t {
  not_elf = 1,       // not a shared object at all
  truncated,         // the headers name bytes that the file does not have
  wrong_machine,     // another processor, word size or byte order
  not_shared_object, // ELF, but a program or an object file
  dlopen_failed,     // the text is the dynamic loader's
  missing_symbol,    // neither ringfleet_module nor memlink_init/call/shutdown
  wrong_abi_version, // the descriptor's abi_version
  wrong_struct_size, // the descriptor's struct_bytes
  bad_descriptor,    // metadata, methods or hooks that are not allowed
  init_failed,       // init returned non-zero
  init_exception,    // init threw
  bad_request,       // the load message itself
};

[[nodiscard]] std::string_view to_string(LoadFailure failure) noexcept;

[[nodiscard]] std::string encode(const LoadRequest& request);
[[nodiscard]] std::string encode(const ModuleDescription& description);
// Throw Error(bad_message). Every length is checked; the text may come from a broken runner.
[[nodiscard]] LoadRequest decode_load_request(std::string_view text);
[[nodiscard]] ModuleDescription decode_module_description(std::string_view text);

} // namespace ringfleet::call
