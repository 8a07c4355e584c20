// A C++ module on the bare C ABI that lets exceptions through: the runner is the last border. Config containing "init":
// init throws.

#include <ringfleet/module.h>

#include <stdexcept>
#include <string_view>

namespace {

int init(const ringfleet_services* /*services*/, const char* config, std::uint64_t bytes, void** state) {
  *state = nullptr;
  if (std::string_view(config, bytes).find("init") != std::string_view::npos) {
    throw std::runtime_error("thrown by init");
  }
  return RINGFLEET_OK;
}

int call(void* /*state*/, std::uint32_t method, const void* /*args*/, std::uint64_t /*bytes*/, ringfleet_reply* reply) {
  reply->write(reply, "half a reply", 12);
  if (method == 0) {
    throw std::runtime_error("thrown by call");
  }
  throw 7;
}

int health(void* /*state*/, ringfleet_reply* reply) {
  reply->write(reply, "feeling sick", 12);
  return 5;
}

int quiesce(void* /*state*/) {
  throw std::runtime_error("thrown by quiesce");
}

int shutdown(void* /*state*/) {
  throw std::runtime_error("thrown by shutdown");
}

constexpr ringfleet_method methods[] = {{"standard", 0, 0, nullptr}, {"integer", 0, 0, nullptr}};

} // namespace

extern "C" RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "raw_throw",
    .name = nullptr,
    .version = "1.0.0",
    .kind = nullptr,
    .description = nullptr,
    .methods = methods,
    .method_count = 2,
    .method_bytes = sizeof(ringfleet_method),
    .dependencies = nullptr,
    .dependency_count = 0,
    .dependency_bytes = sizeof(ringfleet_dependency),
    .init = init,
    .call = call,
    .health = health,
    .quiesce = quiesce,
    .save = nullptr,
    .restore = nullptr,
    .shutdown = shutdown,
};
