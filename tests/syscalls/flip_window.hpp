#pragma once

// The window that the injector single-steps: from the first store into a shared mapping until close_window(). It begins
// and ends with SIGURG, which does nothing to a process that nobody steps.

#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/mman.h>

namespace ringfleet::test {

// Plain data: a signal handler reads it.
struct WatchedPages {
  void* begin = nullptr;
  std::size_t bytes = 0;
};
inline WatchedPages watched_pages;

inline void close_window() {
  raise(SIGURG);
}

// The writable mapping of this name loses its writability until the next store, which is made again afterwards.
inline void open_window_at_next_store(std::string_view name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(name) != std::string::npos && line.find(" rw-s ") != std::string::npos) {
      std::istringstream words(line);
      std::uintptr_t begin = 0;
      std::uintptr_t end = 0;
      char dash = 0;
      words >> std::hex >> begin >> dash >> end;
      watched_pages = {reinterpret_cast<void*>(begin), end - begin};
    }
  }
  if (watched_pages.bytes == 0) {
    throw std::runtime_error("there is no writable mapping of " + std::string(name));
  }
  struct sigaction action{};
  action.sa_handler = [](int) {
    if (mprotect(watched_pages.begin, watched_pages.bytes, PROT_READ | PROT_WRITE) != 0) {
      _exit(1);
    }
    signal(SIGSEGV, SIG_DFL);
    raise(SIGURG);
  };
  sigaction(SIGSEGV, &action, nullptr);
  mprotect(watched_pages.begin, watched_pages.bytes, PROT_READ);
}

} // namespace ringfleet::test
