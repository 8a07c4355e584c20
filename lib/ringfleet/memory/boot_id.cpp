#include "ringfleet/memory/boot_id.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/file.hpp"

#include <string>

#include <fmt/format.h>

namespace ringfleet::memory {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

BootId read_boot_id() {
  constexpr const char* path = "/proc/sys/kernel/random/boot_id"; // "01234567-89ab-…\n"
  const std::string text = os::read_text_file(path, 64, "boot id");
  BootId id{};
  std::size_t digits = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit >= 0 && digits < 2 * id.size()) {
      id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | digit);
      ++digits;
    }
  }
  if (digits != 2 * id.size()) {
    throw Error(ErrorCode::system, fmt::format("read the boot id from '{}': it has {} hex digits", path, digits));
  }
  return id;
}

} // namespace

const BootId& own_boot_id() {
  static const BootId id = read_boot_id();
  return id;
}

} // namespace ringfleet::memory
