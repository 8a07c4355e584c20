#include "ringfleet/channel/channel_counters.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/counter/counter_snapshot.hpp"
#include "ringfleet/os/runtime_directory.hpp"

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

// Files of dead ends that this one replaces.
void remove_dead(const std::string& directory, std::string_view role, std::string_view channel) {
  for (const auto& path : counter::list_counter_files(directory)) {
    try {
      const auto file = counter::CounterSnapshot::read(path);
      if (file.state == counter::OwnerState::dead && file.role == role && file.name == channel) {
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
  path_ = fmt::format("{}/{}-{}.{}", counter::counter_directory(directory), role, ::getpid(), next_number());
  ::unlink(path_.c_str()); // of an earlier process with this pid
  writer_ = std::make_unique<counter::CounterWriter>(
      path_, counter::CounterOwner{.fleet = std::string(os::channels_directory),
                                   .role = std::string(role),
                                   .name = std::string(channel),
                                   .serial = static_cast<std::uint64_t>(::getpid())});
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
