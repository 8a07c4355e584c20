#include "line_printer.hpp"

#include "ringfleet/os/thread.hpp"

#include <cerrno>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

// A reader that has gone is nobody to complain to: the rest of the line is dropped.
void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

} // namespace

LinePrinter::LinePrinter() : thread_(os::start_thread("print what the fleet says", [this] { run(); })) {}

LinePrinter::~LinePrinter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LinePrinter::print(int descriptor, std::string line) {
  line += '\n';
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + line.size() > queued_bytes_max) {
      ++dropped_;
      return;
    }
    queued_bytes_ += line.size();
    queue_.push_back({descriptor, std::move(line)});
  }
  changed_.notify_all();
}

void LinePrinter::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !writing_ && dropped_ == 0; });
}

void LinePrinter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !queue_.empty() || dropped_ > 0 || ending_; });
    if (queue_.empty() && dropped_ == 0) {
      return;
    }
    // Dropped lines were newer than all that is queued: their number comes behind them.
    Line line{STDERR_FILENO, {}};
    if (queue_.empty()) {
      line.text = "ringfleet: " + std::to_string(std::exchange(dropped_, 0)) + " lines dropped (read faster)\n";
    } else {
      line = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= line.text.size();
    }
    writing_ = true;
    lock.unlock();
    write_all(line.descriptor, line.text);
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
}

} // namespace ringfleet::cli
