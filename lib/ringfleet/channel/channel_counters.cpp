#include "ringfleet/channel/channel_counters.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/os/directory.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::channel {
namespace {

// The process' number of the end, so that two ends of one channel have two files.
std::uint32_t next_number() {
  static ProcessWord<std::uint32_t> count;
  return count.add(1);
}

std::int32_t pid_of(std::uint64_t serial) noexcept {
  return static_cast<std::int32_t>(serial);
}

// No process has this pid, for sure.
bool is_free(std::int32_t pid) noexcept {
  try {
    return pid > 0 && !os::identity_of(pid);
  } catch (const Error&) {
    return false;
  }
}

// Counter files whose maker died before they were complete: "NAME+PID-COUNT.new".
void remove_unfinished(const std::string& counters) {
  for (const auto& name : os::list_directory(counters)) {
    const auto plus = name.rfind('+');
    if (!name.ends_with(".new") || plus == std::string::npos) {
      continue;
    }
    std::int32_t pid = 0;
    std::from_chars(name.data() + plus + 1, name.data() + name.size(), pid);
    if (is_free(pid)) {
      ::unlink(fmt::format("{}/{}", counters, name).c_str());
    }
  }
}

// Files of dead ends that this one replaces.
void remove_dead(const std::string& directory, std::string_view role, std::string_view channel) {
  for (const auto& path : counter::list_counter_files(directory)) {
    try {
      const auto file = counter::CounterSnapshot::read(path);
      // Who died before it said who it is has its pid in the serial.
      const bool is_dead = file.state == counter::OwnerState::dead ||
                           (file.state == counter::OwnerState::starting && is_free(pid_of(file.serial)));
      if (is_dead && file.role == role && file.name == channel) {
        ::unlink(path.c_str());
      }
    } catch (const Error&) {
      // Somebody else has removed it, or is making it.
    }
  }
}

} // namespace

CounterFile::CounterFile(std::string_view role, std::string_view channel, bool is_wanted) {
  if (!is_wanted) {
    return;
  }
  const auto directory = os::create_fleet_directory(os::channels_directory);
  remove_dead(directory, role, channel);
  os::create_private_directory(counter::counter_directory(directory));
  remove_unfinished(counter::counter_directory(directory));
  path_ = fmt::format("{}/{}-{}.{}", counter::counter_directory(directory), role, ::getpid(), next_number());
  ::unlink(path_.c_str()); // of an earlier process with this pid
  try {
    writer_ = std::make_unique<counter::CounterWriter>(
        path_, counter::CounterOwner{.fleet = std::string(os::channels_directory),
                                     .role = std::string(role),
                                     .name = std::string(channel),
                                     .serial = static_cast<std::uint64_t>(::getpid())});
  } catch (...) {
    ::unlink(path_.c_str());
    throw;
  }
}

CounterFile::~CounterFile() {
  if (writer_ != nullptr) {
    ::unlink(path_.c_str());
  }
}

counter::Counter CounterFile::counter(std::string_view label) {
  return writer_ == nullptr ? counter::Counter() : writer_->counter(label);
}

counter::Counter CounterFile::gauge(std::string_view label) {
  return writer_ == nullptr ? counter::Counter() : writer_->gauge(label);
}

PublisherCounters::PublisherCounters(CounterFile& file)
    : messages(file.counter("messages")), bytes(file.counter("bytes")), fragmented(file.counter("fragmented")),
      loans(file.counter("loans")), full(file.counter("full")), waits(file.counter("waits")),
      refused(file.counter("refused")), evicted(file.counter("evicted")), deaths(file.counter("reader_deaths")),
      generation(file.gauge("generation")), readers(file.gauge("readers")) {}

SubscriberCounters::SubscriberCounters(CounterFile& file)
    : messages(file.counter("messages")), bytes(file.counter("bytes")), polls(file.counter("polls")),
      empty(file.counter("empty")), waits(file.counter("waits")), lag(file.gauge("lag")), laps(file.counter("laps")),
      missed(file.counter("missed")), reassembled(file.counter("reassembled")), loans(file.counter("loans")),
      malformed(file.counter("malformed")), undecodable(file.counter("undecodable")),
      detached(file.counter("detached")) {}

} // namespace ringfleet::channel
