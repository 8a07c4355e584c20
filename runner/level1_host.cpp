#include "level1_host.hpp"

#include "guarded.hpp"

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/limits.hpp"

#include <cstring>

#include <fmt/format.h>

namespace ringfleet::runner {

static_assert(limits::abi1_output_bytes % page_bytes == 0, "the output must end where the guard page begins");

Level1Host::Level1Host(const Level1Symbols& symbols)
    : ModuleHost(call::ModuleDescription{.abi = 1,
                                         .id = {},
                                         .name = {},
                                         .version = {},
                                         .kind = {},
                                         .description = {},
                                         .dependencies = {},
                                         .methods = {}}),
      symbols_(symbols), memory_(os::Mapping::heap(limits::abi1_output_bytes + page_bytes)) {
  memory_.protect_none(limits::abi1_output_bytes, page_bytes);
}

void Level1Host::init(const ringfleet_services& /*level 1 has none*/, std::string_view config) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(config.data());
  expect_init([&] { return symbols_.init(bytes, config.size()); });
}

Outcome Level1Host::call(std::uint32_t method_id, std::span<const std::byte> args, ReplyWriter& reply) {
  const auto output = memory_.writable_bytes().first(limits::abi1_output_bytes);
  std::memset(output.data(), 0, output.size());
  const auto outcome = guarded_call(reply, [&] {
    return symbols_.call(method_id, reinterpret_cast<const unsigned char*>(args.data()), args.size(),
                         reinterpret_cast<unsigned char*>(output.data()));
  });
  if (outcome.status == CallStatus::ok && !reply.write(output)) {
    return {reply.failure(), 0};
  }
  return outcome;
}

int Level1Host::health(ReplyWriter& /*level 1 has no health hook*/) {
  return 0;
}

int Level1Host::quiesce() {
  return 0;
}

int Level1Host::shutdown() {
  return guarded_hook([&] { return symbols_.shutdown(); });
}

} // namespace ringfleet::runner
