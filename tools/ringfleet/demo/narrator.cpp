#include "narrator.hpp"

#include "../output.hpp"

#include "ringfleet/base/units.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::cli::demo {
namespace {

constexpr std::size_t bar_width = 30;

std::string rate_of(const Progress& progress) {
  const auto seconds = std::max(0.001, std::chrono::duration<double>(progress.elapsed).count());
  return format_bytes(static_cast<std::uint64_t>(std::llround(static_cast<double>(progress.bytes) / seconds))) + "/s";
}

} // namespace

Narrator::Narrator(int descriptor) : descriptor_(descriptor), terminal_(colours_on(descriptor)) {}

Narrator::~Narrator() {
  finish();
}

void Narrator::say(std::string_view line) {
  const std::lock_guard lock(mutex_);
  erase_bar();
  write_text(fmt::format("{}\n", line));
}

void Narrator::progress(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  const auto figures =
      fmt::format("{} files, {}, {}", grouped(progress.files), format_bytes(progress.bytes), rate_of(progress));
  if (terminal_) {
    const auto done = static_cast<std::size_t>(std::clamp(progress.share, 0.0, 1.0) * static_cast<double>(bar_width));
    std::string bar(done, '#');
    bar.resize(bar_width, '.');
    write_text(fmt::format("\r\x1b[K[{}] {:3.0f}%  {}", bar, std::clamp(progress.share, 0.0, 1.0) * 100, figures));
    bar_shown_ = true;
    return;
  }
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(progress.elapsed).count();
  if (second > seconds_shown_) {
    seconds_shown_ = second;
    write_text(fmt::format("{:3} s: {}\n", second, figures));
  }
}

void Narrator::finish() {
  const std::lock_guard lock(mutex_);
  erase_bar();
}

void Narrator::erase_bar() {
  if (bar_shown_) {
    write_text("\r\x1b[K");
    bar_shown_ = false;
  }
}

void Narrator::write_text(std::string_view text) const {
  while (!text.empty()) {
    const auto written = write(descriptor_, text.data(), text.size());
    if (written <= 0) {
      return; // nobody reads: the demo goes on
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

} // namespace ringfleet::cli::demo
