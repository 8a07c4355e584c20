#pragma once

// Modules of ABI level 1: three symbols, a reply of exactly 4096 bytes. The output lies in front of an inaccessible
// page, so a module that writes more dies there instead of damaging anything, and it is zeroed before every call, so
// nothing of an earlier reply can be seen. Level 1 has no method table: the module itself judges the method id.

#include "module_host.hpp"

#include "ringfleet/os/mapping.hpp"

namespace ringfleet::runner {

using Level1Init = int(const unsigned char* config, unsigned long len);
using Level1Call = int(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out);
using Level1Shutdown = int();

struct Level1Symbols {
  Level1Init* init = nullptr;
  Level1Call* call = nullptr;
  Level1Shutdown* shutdown = nullptr;
};

class Level1Host final : public ModuleHost {
public:
  explicit Level1Host(const Level1Symbols& symbols);

  void init(const ringfleet_services& services, std::string_view config) override;
  [[nodiscard]] Outcome call(std::uint32_t method_id, std::span<const std::byte> args, ReplyWriter& reply) override;
  [[nodiscard]] int health(ReplyWriter& text) override;
  int quiesce() override;
  int shutdown() override;

private:
  Level1Symbols symbols_;
  os::Mapping memory_; // the output, then the guard
};

} // namespace ringfleet::runner
