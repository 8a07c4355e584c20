#include "ringfleet/call/handshake.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"

#include <charconv>

// Texts are sequences of netstrings ("5:hello,"): self-delimiting, no escaping, nothing to allocate while parsing.

namespace ringfleet::call {
namespace {

constexpr std::uint32_t dependencies_max = 64;

class Writer {
public:
  void text(std::string_view value) {
    out_ += std::to_string(value.size());
    out_ += ':';
    out_ += value;
    out_ += ',';
  }
  void number(std::uint64_t value) { text(std::to_string(value)); }
  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  std::string out_;
};

class Reader {
public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::string text() {
    std::size_t bytes = 0;
    const char* const end = in_.data() + in_.size();
    const auto [colon, error] = std::from_chars(in_.data(), end, bytes);
    if (error != std::errc{} || colon == end || *colon != ':') {
      fail();
    }
    const auto rest = in_.substr(static_cast<std::size_t>(colon - in_.data()) + 1);
    if (rest.size() <= bytes || rest[bytes] != ',') {
      fail();
    }
    in_ = rest.substr(bytes + 1);
    return std::string(rest.substr(0, bytes));
  }

  std::uint32_t number(std::uint32_t max) { return static_cast<std::uint32_t>(large_number(max)); }
  std::uint64_t large_number(std::uint64_t max) {
    const std::string digits = text();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value > max) {
      fail();
    }
    return value;
  }

  void finish() const {
    if (!in_.empty()) {
      fail();
    }
  }

private:
  [[noreturn]] static void fail() {
    throw Error(ErrorCode::bad_message, "handshake text that does not decode",
                "scheduler and runner must be of one ringfleet release");
  }
  std::string_view in_;
};

} // namespace

std::string_view to_string(LoadFailure failure) noexcept {
  switch (failure) {
  case LoadFailure::not_elf: return "not_elf";
  case LoadFailure::truncated: return "truncated";
  case LoadFailure::wrong_machine: return "wrong_machine";
  case LoadFailure::not_shared_object: return "not_shared_object";
  case LoadFailure::dlopen_failed: return "dlopen_failed";
  case LoadFailure::missing_symbol: return "missing_symbol";
  case LoadFailure::wrong_abi_version: return "wrong_abi_version";
  case LoadFailure::wrong_struct_size: return "wrong_struct_size";
  case LoadFailure::bad_descriptor: return "bad_descriptor";
  case LoadFailure::init_failed: return "init_failed";
  case LoadFailure::init_exception: return "init_exception";
  case LoadFailure::bad_request: return "bad_request";
  }
  return "unknown";
}

std::string encode(const LoadRequest& request) {
  Writer out;
  out.text(request.module);
  out.number(request.number);
  out.text(request.name);
  out.text(request.config);
  out.text(request.directory);
  out.number(request.memory_limit_bytes);
  out.number(request.descriptor_limit);
  return out.take();
}

LoadRequest decode_load_request(std::string_view text) {
  Reader in(text);
  LoadRequest request;
  request.module = in.text();
  request.number = in.number(limits::modules_max);
  request.name = in.text();
  request.config = in.text();
  request.directory = in.text();
  request.memory_limit_bytes = in.large_number(limits::memory_limit_max);
  request.descriptor_limit = in.number(limits::descriptor_limit_max);
  in.finish();
  return request;
}

std::string encode(const ModuleDescription& description) {
  Writer out;
  out.number(description.abi);
  out.text(description.id);
  out.text(description.name);
  out.text(description.version);
  out.text(description.kind);
  out.text(description.description);
  out.number(description.dependencies.size());
  for (const DependencyDescription& dependency : description.dependencies) {
    out.text(dependency.id);
    out.text(dependency.version_min);
    out.number(dependency.optional ? 1 : 0);
  }
  out.number(description.methods.size());
  for (const MethodDescription& method : description.methods) {
    out.text(method.name);
    out.number(method.id);
    out.number(method.idempotent ? 1 : 0);
    out.text(method.description);
  }
  return out.take();
}

ModuleDescription decode_module_description(std::string_view text) {
  Reader in(text);
  ModuleDescription description;
  description.abi = in.number(2);
  description.id = in.text();
  description.name = in.text();
  description.version = in.text();
  description.kind = in.text();
  description.description = in.text();
  const std::uint32_t dependencies = in.number(dependencies_max);
  for (std::uint32_t index = 0; index < dependencies; ++index) {
    DependencyDescription& dependency = description.dependencies.emplace_back();
    dependency.id = in.text();
    dependency.version_min = in.text();
    dependency.optional = in.number(1) != 0;
  }
  const std::uint32_t methods = in.number(limits::methods_max);
  for (std::uint32_t index = 0; index < methods; ++index) {
    MethodDescription& method = description.methods.emplace_back();
    method.name = in.text();
    method.id = in.number(UINT32_MAX);
    method.idempotent = in.number(1) != 0;
    method.description = in.text();
  }
  in.finish();
  return description;
}

} // namespace ringfleet::call
