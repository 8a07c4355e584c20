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

// The channels of a soak.
struct ChannelPlan {
  std::string_view title;
  bool many_producers;
  bool is_file;
  bool is_large; // messages of all lengths, an arena; else each is one block
  std::size_t producers;

  // One producer and one block for each message: what a reader is told it missed can be counted.
  [[nodiscard]] constexpr bool is_dense() const noexcept { return !many_producers && !is_large; }
};
inline constexpr std::array<ChannelPlan, channels_max> channel_plans{{
    {"one producer", false, false, false, 1},
    {"many producers", true, false, false, streams_max},
    {"file", false, true, false, 1},
    {"large messages", false, false, true, 1},
}};

[[nodiscard]] memory::Place place_of(std::size_t channel, const std::string& directory, const std::string& word);
[[nodiscard]] channel::PublisherOptions publisher_options();

// How a reader that comes for a while joins.
enum class Joining : std::uint8_t { latest, oldest, position, lossy };
inline constexpr std::uint64_t joinings = 4;

// What a process is told on its command line: the parts of a path, a name, numbers.
struct Part {
  std::string ledger;
  std::string directory; // of the soak
  std::string word;      // of the soak: names in /dev/shm and fleets begin with it
  std::string role;
  std::vector<std::uint64_t> numbers;
};

// Each returns the exit code of its process: 0 after the order to end.
int play_producer(const Part& part, Ledger& ledger); // channel, stream
int play_reader(const Part& part, Ledger& ledger);   // channel, reader
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
