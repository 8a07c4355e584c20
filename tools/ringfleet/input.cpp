#include "input.hpp"

#include "exit_code.hpp"
#include "output.hpp"

#include "ringfleet/base/limits.hpp"
#include "ringfleet/base/units.hpp"
#include "ringfleet/os/file.hpp"

#include <cerrno>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::cli {
namespace {

class Input {
public:
  explicit Input(const std::string& path)
      : descriptor_(path == "-" ? STDIN_FILENO : os::try_open(path, O_RDONLY).release()),
        owned_(descriptor_ > STDIN_FILENO) {}
  ~Input() {
    if (owned_) {
      close(descriptor_);
    }
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  [[nodiscard]] int get() const noexcept { return descriptor_; }

private:
  int descriptor_;
  bool owned_;
};

[[noreturn]] void fail(std::string_view name, int errno_value) {
  throw Failure(ExitCode::usage, fmt::format("read {}: {} (give --file a readable file, or '-' for standard input)",
                                             name, std::generic_category().message(errno_value)));
}

} // namespace

Nanoseconds parse_duration(std::string_view option, std::string_view text) {
  try {
    return ringfleet::parse_duration(text);
  } catch (const Error& error) {
    throw Failure(ExitCode::usage, fmt::format("{}: {}", option, error.what()));
  }
}

std::string read_input(const std::string& path) {
  const auto name = path == "-" ? std::string("standard input") : "'" + one_line(path) + "'";
  const Input input(path);
  if (input.get() < 0) {
    fail(name, errno);
  }
  std::string all;
  constexpr std::size_t step = 64U << 10U;
  for (;;) {
    const auto had = all.size();
    all.resize(had + step);
    const auto got = read(input.get(), all.data() + had, step);
    if (got < 0 && errno != EINTR) {
      fail(name, errno);
    }
    all.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (all.size() > limits::payload_bytes_max) {
      throw Failure(ExitCode::usage,
                    fmt::format("read {}: more than {}, the largest payload of a call (send it in parts)", name,
                                format_bytes(limits::payload_bytes_max)));
    }
    if (got == 0) {
      return all;
    }
  }
}

} // namespace ringfleet::cli
