#pragma once

// The counters of one end of a channel, in a file of its own that ringfleet-stat finds without the program's help:
// in BASE/channels/counters (for BASE see os/runtime_directory.hpp). An orderly end removes the file; that of a dead
// process stays, and is removed by the next end of the same channel, or by `ringfleet segments rm`.

#include "ringfleet/counter/counter.hpp"
#include "ringfleet/counter/counter_writer.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace ringfleet::channel {

class CounterFile {
public:
  // Throws Error as counter::CounterWriter does. Without `is_wanted` nothing is made and the counters count nothing.
  CounterFile(std::string_view role, std::string_view channel, bool is_wanted);
  CounterFile(const CounterFile&) = delete;
  CounterFile& operator=(const CounterFile&) = delete;
  ~CounterFile();

  [[nodiscard]] counter::Counter counter(std::string_view label);
  [[nodiscard]] counter::Counter gauge(std::string_view label);
  // Empty without a file.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
  std::string path_;
  int maker_ = 0; // pid
  std::unique_ptr<counter::CounterWriter> writer_;
};

// What a publisher counts. The one thread that publishes writes them.
struct PublisherCounters {
  explicit PublisherCounters(CounterFile& file);

  void count_message(std::uint64_t size) noexcept {
    messages.add();
    bytes.add(size);
  }

  counter::Counter messages;
  counter::Counter bytes;
  counter::Counter fragmented; // messages in fragments
  counter::Counter loans;
  counter::Counter full;  // attempts that found no room
  counter::Counter waits; // times it waited for room
  counter::Counter parks; // times it slept in the kernel
  counter::Counter wakes; // times it woke a reader that slept
  counter::Counter refused;
  counter::Counter evicted;
  counter::Counter deaths; // of readers
  counter::Counter generation;
  counter::Counter readers;
  counter::Counter in_place;      // messages that were built where they lie; the others a codec encoded, or nobody
  counter::Counter not_encodable; // what the codec would not write
};

// What a subscriber counts. The one thread that reads writes them.
struct SubscriberCounters {
  explicit SubscriberCounters(CounterFile& file);

  counter::Counter messages;
  counter::Counter bytes;
  counter::Counter polls;
  counter::Counter empty; // polls that found nothing
  counter::Counter waits;
  counter::Counter parks; // times wait() slept in the kernel
  counter::Counter wakes; // times it woke a publisher, or a reader behind it, that slept
  counter::Counter lag;   // blocks published and not read, as of the last poll
  counter::Counter laps;
  counter::Counter missed; // blocks that were overwritten before they were read
  counter::Counter reassembled;
  counter::Counter loans;
  counter::Counter malformed;
  counter::Counter decoded; // messages that were decoded into an object; the others were handed over where they lay
  counter::Counter undecodable;
  counter::Counter detached;
};

} // namespace ringfleet::channel
