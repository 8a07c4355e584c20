#include "descriptor.hpp"

#include "load_error.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/method_id.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using call::LoadFailure;

// The size of level 2's first edition. Fields are appended after it and never change their place.
constexpr std::uint32_t first_edition_bytes = 136;
static_assert(offsetof(ringfleet_module_v2, shutdown) + sizeof(void*) == first_edition_bytes);
// A larger descriptor comes from a newer header; one larger than this is no descriptor.
constexpr std::uint32_t believable_bytes = 4096;
constexpr std::uint32_t dependencies_max = 64;
constexpr std::size_t text_bytes_max = 1024;

[[noreturn]] void refuse(const std::string& text) {
  throw LoadError(LoadFailure::bad_descriptor, text);
}

std::string optional_text(const char* text, const char* what) {
  if (text == nullptr) {
    return {};
  }
  const std::size_t bytes = strnlen(text, text_bytes_max + 1);
  if (bytes > text_bytes_max) {
    refuse(fmt::format("{} is longer than {} bytes", what, text_bytes_max));
  }
  return {text, bytes};
}

std::string required_name(const char* text, const char* what) {
  std::string name = optional_text(text, what);
  if (name.empty() || name.size() > limits::name_bytes_max) {
    refuse(fmt::format("{} must have 1 to {} bytes, it has {}", what, limits::name_bytes_max, name.size()));
  }
  return name;
}

// Copies element `index` of an array whose stride is the module's, so that elements may grow in later editions.
template <typename T>
T element(const T* array, std::uint32_t stride, std::uint32_t index) {
  T value;
  std::memcpy(&value, reinterpret_cast<const std::byte*>(array) + std::size_t{stride} * index, sizeof value);
  return value;
}

template <typename T>
void check_array(const T* array, std::uint32_t count, std::uint32_t stride, std::uint32_t count_max, const char* what) {
  if (count > count_max) {
    refuse(fmt::format("{} {}, at most {} are allowed", count, what, count_max));
  }
  if (count > 0 && array == nullptr) {
    refuse(fmt::format("{} {}, but no array of them", count, what));
  }
  if (count > 0 && (stride < sizeof(T) || stride > believable_bytes)) {
    refuse(fmt::format("{} of {} bytes each, expected {}", what, stride, sizeof(T)));
  }
}

std::vector<call::MethodDescription> describe_methods(const ringfleet_module_v2& module) {
  check_array(module.methods, module.method_count, module.method_bytes, limits::methods_max, "methods");
  std::vector<call::MethodDescription> methods;
  for (std::uint32_t index = 0; index < module.method_count; ++index) {
    const auto method = element(module.methods, module.method_bytes, index);
    auto& description = methods.emplace_back();
    description.name = required_name(method.name, "the name of a method");
    description.id = method.id == 0 ? call::method_id(description.name) : method.id;
    description.idempotent = (method.flags & RINGFLEET_IDEMPOTENT) != 0;
    description.description = optional_text(method.description, "the description of a method");
  }
  std::vector<const call::MethodDescription*> by_id;
  for (const auto& method : methods) {
    by_id.push_back(&method);
  }
  std::ranges::sort(by_id, {}, [](const auto* method) { return method->id; });
  const auto same = std::ranges::adjacent_find(by_id, {}, [](const auto* method) { return method->id; });
  if (same != by_id.end()) {
    refuse(fmt::format("methods '{}' and '{}' have the same id {:#010x}", (*same)->name, (*std::next(same))->name,
                       (*same)->id));
  }
  return methods;
}

std::vector<call::DependencyDescription> describe_dependencies(const ringfleet_module_v2& module) {
  check_array(module.dependencies, module.dependency_count, module.dependency_bytes, dependencies_max, "dependencies");
  std::vector<call::DependencyDescription> dependencies;
  for (std::uint32_t index = 0; index < module.dependency_count; ++index) {
    const auto dependency = element(module.dependencies, module.dependency_bytes, index);
    dependencies.push_back({
        .id = required_name(dependency.id, "the id of a dependency"),
        .version_min = optional_text(dependency.version_min, "the version of a dependency"),
        .optional = (dependency.flags & RINGFLEET_OPTIONAL) != 0,
    });
  }
  return dependencies;
}

} // namespace

ringfleet_module_v2 read_descriptor(const void* descriptor) {
  std::uint32_t abi_version = 0;
  std::memcpy(&abi_version, descriptor, sizeof abi_version);
  if (abi_version != RINGFLEET_ABI_VERSION) {
    throw LoadError(LoadFailure::wrong_abi_version,
                    fmt::format("built for module ABI {}, this runner speaks {}; rebuild it against this release's "
                                "module.h",
                                abi_version, RINGFLEET_ABI_VERSION));
  }
  std::uint32_t struct_bytes = 0;
  std::memcpy(&struct_bytes, static_cast<const std::byte*>(descriptor) + sizeof abi_version, sizeof struct_bytes);
  if (struct_bytes < first_edition_bytes || struct_bytes > believable_bytes) {
    throw LoadError(LoadFailure::wrong_struct_size,
                    fmt::format("its descriptor has {} bytes, expected at least {}; set struct_bytes to "
                                "sizeof(ringfleet_module_v2)",
                                struct_bytes, first_edition_bytes));
  }
  ringfleet_module_v2 module{};
  std::memcpy(&module, descriptor, std::min<std::size_t>(struct_bytes, sizeof module));
  if (module.init == nullptr || module.call == nullptr) {
    refuse("the hooks init and call are required");
  }
  return module;
}

call::ModuleDescription describe(const ringfleet_module_v2& module) {
  call::ModuleDescription description{
      .abi = RINGFLEET_ABI_VERSION,
      .id = required_name(module.id, "the id"),
      .name = optional_text(module.name, "the name"),
      .version = required_name(module.version, "the version"),
      .kind = optional_text(module.kind, "the kind"),
      .description = optional_text(module.description, "the description"),
      .dependencies = describe_dependencies(module),
      .methods = describe_methods(module),
  };
  if (description.name.empty()) {
    description.name = description.id;
  }
  if (call::encode(description).size() > call::control_text_bytes_max) {
    refuse(fmt::format("names and descriptions together are longer than {} bytes", call::control_text_bytes_max));
  }
  return description;
}

} // namespace ringfleet::runner
