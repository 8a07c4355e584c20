// Speaks on every way out there is: stdout, stderr and the log service.

#include <ringfleet/module.hpp>

#include <cstdio>

namespace {

namespace rf = ringfleet::module;

class Logger {
public:
  explicit Logger(const rf::Services& services) : services_(services) {}

  void speak(std::string_view text) {
    const int length = static_cast<int>(text.size());
    std::printf("stdout: %.*s\n", length, text.data());
    std::fprintf(stderr, "stderr: %.*s\n", length, text.data());
    services_.log(rf::LogLevel::warning, "log: " + std::string(text));
  }

  void flood(std::uint32_t lines) {
    for (std::uint32_t line = 0; line < lines; ++line) {
      services_.log(rf::LogLevel::info, std::string(1000, 'x'));
    }
  }

private:
  rf::Services services_;
};

} // namespace

RINGFLEET_MODULE(Logger, {.id = "logger", .version = "1.0.0"}, RINGFLEET_METHOD(speak), RINGFLEET_METHOD(flood))
