// The module `echo`: the reply is the arguments. `process` is the same under the name that ABI level 1 modules use.

#include <ringfleet/module.hpp>

namespace {

namespace rf = ringfleet::module;

struct Echo {
  void echo(std::span<const std::byte> args, rf::Reply& reply) { reply.write(args); }
  void process(std::span<const std::byte> args, rf::Reply& reply) { reply.write(args); }
};

} // namespace

RINGFLEET_MODULE(
    Echo,
    {.id = "echo", .version = "1.0.0", .name = "Echo", .kind = "example", .description = "Answers with its arguments."},
    RINGFLEET_METHOD(echo, .idempotent = true, .description = "The arguments, unchanged."),
    RINGFLEET_METHOD(process, .idempotent = true, .description = "The same as echo."))
