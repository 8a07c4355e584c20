#pragma once

// A file descriptor and its one owner. Everything in this room that opens a kernel object hands it out as a Descriptor,
// and everything is opened close-on-exec: a descriptor reaches another program only when it is named in a spawn request
// or sent over a socket.

#include <utility>

namespace ringfleet::os {

class Descriptor {
public:
  Descriptor() noexcept = default;
  // Takes ownership; a negative value is "none".
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Descriptor taken(std::move(other));
    std::swap(fd_, taken.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

  // The caller becomes the owner.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  // Closes now; errno is preserved, so that an error can be reported after it.
  void reset() noexcept;

  // A second descriptor of the same open file, close-on-exec. Throws Error (no_descriptors when the limit is reached).
  [[nodiscard]] Descriptor duplicate() const;
  [[nodiscard]] static Descriptor duplicate_of(int fd);

private:
  int fd_ = -1;
};

} // namespace ringfleet::os
