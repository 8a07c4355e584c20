#include "ringfleet/counter/detail/boot_id.hpp"

#include <cctype>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::counter::detail {

void boot_id(unsigned char (&id)[16]) noexcept {
  std::memset(id, 0, sizeof(id));
  const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return;
  }
  char text[64] = {};
  const auto length = read(file, text, sizeof(text) - 1);
  close(file);
  unsigned digits = 0;
  for (ssize_t i = 0; i < length && digits < 32; ++i) {
    const char c = text[i];
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) {
      const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      id[digits / 2] = static_cast<unsigned char>(id[digits / 2] << 4 | digit);
      ++digits;
    }
  }
}

} // namespace ringfleet::counter::detail
