#include "ringfleet/fleet/detail/output_pipe.hpp"

#include "ringfleet/base/error.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t read_bytes = std::size_t{16} << 10U;
// Two for each runner: 128 runners stay within what the kernel grants a user without privileges (pipe-user-pages-soft).
constexpr int pipe_bytes = 256 << 10;
// So that one chatty module cannot keep the scheduler from the others.
constexpr int reads_at_once = 4;

} // namespace

OutputPipe::OutputPipe(EventLoop& loop, OnLine on_line) : loop_(loop), on_line_(std::move(on_line)) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Error::from_errno("create a pipe for the output of a runner", errno);
  }
  ours_ = os::Descriptor(ends[0]);
  runner_end_ = os::Descriptor(ends[1]);
  fcntl(runner_end_.get(), F_SETFL, 0);
  fcntl(ours_.get(), F_SETPIPE_SZ, pipe_bytes); // a user at the kernel's limit gets a smaller one, which works too
  token_ = loop_.watch(ours_.get(), [this] { read_some(reads_at_once); });
}

OutputPipe::~OutputPipe() {
  loop_.unwatch(token_, ours_.get());
}

void OutputPipe::finish() {
  read_some(2 * pipe_bytes / static_cast<int>(read_bytes));
  if (!partial_.empty()) {
    on_line_(partial_);
    partial_.clear();
  }
  loop_.unwatch(token_, ours_.get());
}

void OutputPipe::read_some(int reads_max) {
  std::array<char, read_bytes> buffer{};
  for (int reads = 0; reads < reads_max; ++reads) {
    const ssize_t count = read(ours_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count == 0) {
      loop_.unwatch(token_, ours_.get());
    }
    if (count <= 0) {
      return;
    }
    partial_.append(buffer.data(), static_cast<std::size_t>(count));
    hand_on_lines();
  }
}

void OutputPipe::hand_on_lines() {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    on_line_(std::string_view(partial_).substr(begin, end - begin));
  }
  partial_.erase(0, begin);
  if (partial_.size() >= line_bytes_max) {
    on_line_(partial_);
    partial_.clear();
  }
}

} // namespace ringfleet::fleet
