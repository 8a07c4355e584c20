#pragma once

// The parts that processes of a soak play, and the loops inside them. Each obeys the orders of the ledger: it works,
// rests (and says so), or ends. What is killed is started again in the same part and goes on with the same words.

#include "ledger.hpp"
#include "ringfleet/channel/options.hpp"
#include "ringfleet/fleet/call.hpp"
#include "ringfleet/memory/place.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::soak {

// The channels of a soak. The last two are those of a worker group: its scheduler is the producer of the one and the
// reader of the other, its workers the other way round.
struct ChannelPlan {
  std::string_view title;
  bool many_producers;
  bool is_file;
  bool is_large; // messages of all lengths, each producer with an arena; else each is one block
  std::size_t producers;
  std::size_t readers; // that get everything

  // One producer and one block for each message: what a reader is told it missed can be counted.
  [[nodiscard]] constexpr bool is_dense() const noexcept { return !many_producers && !is_large; }
};
inline constexpr std::array<ChannelPlan, channels_max> channel_plans{{
    {"one producer", false, false, false, 1, 3},
    {"many producers", true, false, false, streams_max, 3},
    {"file", false, true, false, 1, 3},
    {"large messages", false, false, true, 1, 3},
    {"large, many producers", true, false, true, streams_max, 3},
    {"a group's scheduler", false, false, false, 1, 2},
    {"a group's workers", true, false, false, 2, 1},
}};
inline constexpr std::size_t open_channels = 5; // whose producers and readers are processes of their own, and visitors
inline constexpr std::size_t group_down = 5;
inline constexpr std::size_t group_up = 6;
inline constexpr std::size_t group_workers = channel_plans[group_up].producers;

// Of the readers of an open channel: one is never killed, one is, one process reads all channels in one wait, one may
// be lapped.
enum ReaderOf : std::uint8_t { resident_reader, mortal_reader, fan_in_reader, lossy_reader };

[[nodiscard]] memory::Place place_of(std::size_t channel, const std::string& directory, const std::string& word);
[[nodiscard]] std::string group_name(const std::string& word);

// How a reader that comes for a while joins.
enum class Joining : std::uint8_t { latest, oldest, position, lossy };
inline constexpr std::uint64_t joinings = 4;

// What a process is told on its command line: the parts of a path, a name, numbers.
struct Part {
  std::string ledger;
  std::string directory; // of the soak
  std::string word;      // of the soak: names in /dev/shm and fleets begin with it
  std::string role;
  std::uint64_t place = processes_max; // among those that are there all the time
  std::vector<std::uint64_t> numbers;
};

// Each returns the exit code of its process: 0 after the order to end.
int play_producer(const Part& part, Ledger& ledger); // channel, stream
int play_reader(const Part& part, Ledger& ledger);   // channel, reader
int play_lossy(const Part& part, Ledger& ledger);    // channel
int play_fan_in(const Part& part, Ledger& ledger);   // of all open channels
int play_group(const Part& part, Ledger& ledger);    // the scheduler of the worker group
int play_worker(const Part& part, Ledger& ledger);   // number
int play_visitor(const Part& part, Ledger& ledger);  // channel, Joining, position, how many messages
int play_client(const Part& part, Ledger& ledger);   // first caller, last caller + 1
int play_scheduler(const Part& part, Ledger& ledger);

// How the modules of the soak's fleet are reached: by a Fleet or by a Client.
using Resolve = std::function<Method(std::string_view module, std::string_view name)>;

// Calls, of all kinds, as caller `number`, until the order to end.
void call_on_and_on(Ledger& ledger, std::size_t number, const Resolve& resolve);

[[nodiscard]] std::string fleet_name(const std::string& word);
[[nodiscard]] std::string second_fleet_name(const std::string& word);

} // namespace ringfleet::soak
