#include <ringfleet/module.hpp>

struct Greeter {
  std::string greet(std::string_view name) { return "hello " + std::string(name); }
};
RINGFLEET_MODULE(Greeter, {.id = "greeter", .version = "1.0.0"}, RINGFLEET_METHOD(greet))
