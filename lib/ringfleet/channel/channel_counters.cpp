#include "ringfleet/channel/channel_counters.hpp"

#include "ringfleet/base/process_word.hpp"
#include "ringfleet/channel/counter_files.hpp"
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

// What dead ends of this channel left, and files that nobody will complete.
void remove_left_over(std::string_view channel) {
  for (const auto& file : list_end_counter_files()) {
    if (file.is_left_over() && (file.channel == channel || file.state == ring::FoundState::unfinished)) {
      ::unlink(file.path.c_str());
    }
  }
}

} // namespace

CounterFile::CounterFile(std::string_view role, std::string_view channel, bool is_wanted) {
  if (!is_wanted) {
    return;
  }
  const auto directory = os::create_fleet_directory(os::channels_directory);
  os::create_private_directory(counter::counter_directory(directory));
  remove_left_over(channel);
  path_ = fmt::format("{}/{}", counter::counter_directory(directory), end_counter_file_name(role, next_number()));
  maker_ = ::getpid();
  ::unlink(path_.c_str()); // of an earlier process with this pid
  try {
    writer_ = std::make_unique<counter::CounterWriter>(
        path_,
        counter::CounterOwner{.fleet = std::string(os::channels_directory),
                              .role = std::string(role),
                              .name = std::string(channel),
                              .serial = static_cast<std::uint64_t>(::getpid())},
        counter::own_counters);
  } catch (...) {
    ::unlink(path_.c_str());
    throw;
  }
}

CounterFile::~CounterFile() {
  // A forked child has a copy of this object; the file is its parent's.
  if (writer_ != nullptr && maker_ == ::getpid()) {
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
      parks(file.counter("parks")), wakes(file.counter("wakes")), refused(file.counter("refused")),
      evicted(file.counter("evicted")), deaths(file.counter("reader_deaths")), generation(file.gauge("generation")),
      readers(file.gauge("readers")), in_place(file.counter("in_place")), not_encodable(file.counter("not_encodable")) {
}

SubscriberCounters::SubscriberCounters(CounterFile& file)
    : messages(file.counter("messages")), bytes(file.counter("bytes")), polls(file.counter("polls")),
      empty(file.counter("empty")), waits(file.counter("waits")), parks(file.counter("parks")),
      wakes(file.counter("wakes")), lag(file.gauge("lag")), laps(file.counter("laps")), missed(file.counter("missed")),
      reassembled(file.counter("reassembled")), loans(file.counter("loans")), malformed(file.counter("malformed")),
      decoded(file.counter("decoded")), undecodable(file.counter("undecodable")), detached(file.counter("detached")) {}

} // namespace ringfleet::channel
