// The module `misbehave`: every way to go wrong that a fleet must survive, one method each, and `ok` to show that the
// runner lives.

#include <ringfleet/module.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

#include <fcntl.h>
#include <unistd.h>

namespace {

// Deeper than any stack; the array and the use of the result keep it from becoming a loop.
__attribute__((noinline)) std::uint64_t dig(std::uint64_t depth) {
  std::array<std::uint64_t, 512> frame;
  frame[depth % frame.size()] = depth;
  asm volatile("" : : "r"(frame.data()) : "memory");
  return depth == UINT64_MAX ? 0 : dig(depth + 1) + frame[depth % frame.size()];
}

struct Region {
  std::uintptr_t begin;
  std::uintptr_t end;
  bool shared;
};

// Walks /proc/self/maps without the heap, which is about to be overwritten. The stack of the caller is left for last.
class WritableRegions {
public:
  WritableRegions() {
    const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    std::size_t used = 0;
    for (ssize_t got = 1; got > 0 && used < sizeof text_ - 1;) {
      got = read(file, text_ + used, sizeof text_ - 1 - used);
      used += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    close(file);
    for (char* line = text_; *line != '\0'; line = next_line(line)) {
      char* rest = nullptr;
      const std::uintptr_t begin = std::strtoull(line, &rest, 16);
      const std::uintptr_t end = std::strtoull(rest + 1, &rest, 16);
      const bool is_writable = rest[2] == 'w';
      const auto here = reinterpret_cast<std::uintptr_t>(this);
      if (is_writable && !(begin <= here && here < end) && count_ < regions_.size()) {
        regions_[count_++] = {begin, end, rest[4] == 's'};
      }
    }
  }
  [[nodiscard]] std::span<const Region> all() const { return {regions_.data(), count_}; }

private:
  static char* next_line(char* line) {
    while (*line != '\0' && *line != '\n') {
      ++line;
    }
    return *line == '\n' ? line + 1 : line;
  }
  std::array<Region, 4096> regions_;
  std::size_t count_ = 0;
  char text_[512 * 1024];
};

__attribute__((no_sanitize("address", "thread", "undefined"))) void scribble_over(const Region& region,
                                                                                  std::uint64_t& noise) {
  for (std::uintptr_t address = region.begin; address + sizeof noise <= region.end; address += sizeof noise) {
    noise ^= noise << 13U;
    noise ^= noise >> 7U;
    noise ^= noise << 17U;
    *reinterpret_cast<std::uint64_t*>(address) = noise;
  }
}

struct Misbehave {
  std::string_view ok() { return "ok"; }
  // Also in an instrumented build the processor is to notice.
  __attribute__((no_sanitize("undefined"))) void segfault() {
    int* nowhere = nullptr;
    asm volatile("" : "+r"(nowhere));
    *nowhere = 1;
  }
  void abort() { std::abort(); }
  // An exit code of 0 is no success either: nobody asked this process to end.
  void exit() { std::exit(0); }
  void loop() {
    for (;;) {
      asm volatile("");
    }
  }
  void deadlock() {
    std::mutex mutex;
    mutex.lock();
    mutex.lock();
  }
  std::uint64_t overflow_stack() { return dig(0); }
  void throw_exception() { throw std::runtime_error("thrown on purpose"); }
  std::uint64_t exhaust_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    throw std::bad_alloc(); // the allocators of the sanitizers end the process instead
#else
    return std::vector<std::byte>(std::size_t{1} << 46U).size();
#endif
  }
  // Shared memory first, so that it is hit for certain; then everything else, until something gives.
  void scribble() {
    const WritableRegions regions;
    std::uint64_t noise = 0x9e37'79b9'7f4a'7c15U;
    for (const bool shared : {true, false}) {
      for (const Region& region : regions.all()) {
        if (region.shared == shared) {
          scribble_over(region, noise);
        }
      }
    }
    std::abort();
  }
};

} // namespace

RINGFLEET_MODULE(Misbehave,
                 {.id = "misbehave",
                  .version = "1.0.0",
                  .name = "Misbehave",
                  .kind = "test",
                  .description = "Every way to go wrong that a fleet must survive."},
                 RINGFLEET_METHOD(ok, .description = "Answers \"ok\"."),
                 RINGFLEET_METHOD(segfault, .description = "Writes through a null pointer."),
                 RINGFLEET_METHOD(abort, .description = "Calls abort()."),
                 RINGFLEET_METHOD(exit, .description = "Calls exit(0)."),
                 RINGFLEET_METHOD(loop, .description = "Never returns, using the processor."),
                 RINGFLEET_METHOD(deadlock, .description = "Never returns, waiting for itself."),
                 RINGFLEET_METHOD(overflow_stack, .description = "Recurses until the stack ends."),
                 RINGFLEET_METHOD(throw_exception, .description = "Throws a std::runtime_error."),
                 RINGFLEET_METHOD(exhaust_memory, .description = "Asks for more memory than exists: std::bad_alloc."),
                 RINGFLEET_METHOD(scribble, .description = "Overwrites all memory it can write."))
