#include "ringfleet/os/descriptor.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::os {

void Descriptor::reset() noexcept {
  if (fd_ < 0) {
    return;
  }
  const int saved = errno;
  // On Linux the descriptor is gone even when close reports EINTR: repeating it would close somebody else's.
  ::close(std::exchange(fd_, -1));
  errno = saved;
}

Descriptor Descriptor::duplicate() const {
  return duplicate_of(fd_);
}

Descriptor Descriptor::duplicate_of(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    throw Error::from_errno("duplicate a descriptor", errno,
                            errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "");
  }
  return Descriptor(copy);
}

} // namespace ringfleet::os
