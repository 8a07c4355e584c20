// Options that cannot mean anything are refused by the name of the option, with its value and what it may be, before
// anything is made or waited for. // T10, T11

#include "../scale.hpp"
#include "channel_fixture.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <sys/resource.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

template <class Options>
struct Case {
  std::function<void(Options&)> spoil;
  ErrorCode code;
  const char* says;
};

constexpr auto invalid = ErrorCode::invalid_argument;
constexpr auto limit = ErrorCode::limit_reached;
constexpr auto one_less = Nanoseconds(-1);

template <class Options>
void set_ids(Options& options, std::vector<std::string> ids) {
  options.required.ids = std::move(ids);
}

const std::vector<Case<PublisherOptions>> publisher_cases = {
    {[](auto& o) { o.ring_bytes = 0; }, invalid, "ring_bytes is 0, expected 1 to 1099511627776"},
    {[](auto& o) { o.ring_bytes = (1ULL << 40) + 1; }, limit, "ring_bytes is 1099511627777, expected 1 to"},
    {[](auto& o) { o.max_message = 0; }, invalid, "max_message is 0, expected 1 to 1099511627776"},
    {[](auto& o) { o.max_message = ~0ULL; }, limit, "max_message is 18446744073709551615, expected 1 to"},
    {[](auto& o) { o.members = 0; }, invalid, "members is 0, expected 1 to 126"},
    {[](auto& o) { o.members = 127; }, limit, "members is 127, expected 1 to 126"},
    {[](auto& o) { o.grace = one_less; }, invalid, ": grace is -1 ns, expected 0 or more"},
    {[](auto& o) { o.coordination = Coordination::wait_for_readers(65); }, invalid,
     "coordination.readers is 65, expected 0 to 64"},
    {[](auto& o) { o.coordination = Coordination::buffer_until_readers(64); }, invalid,
     "coordination.readers is 64, expected 0 to 63"},
    {[](auto& o) { o.coordination.timeout = one_less; }, invalid, "coordination.timeout is -1 ns"},
    {[](auto& o) { set_ids(o, {"risk", ""}); }, invalid, "required.ids[1] is '', a reader without an id is a stranger"},
    {[](auto& o) { set_ids(o, {std::string(48, 'z')}); }, invalid, "zzz', an id has at most 47 bytes"},
    {[](auto& o) { set_ids(o, {std::string("a\0b", 3)}); }, invalid, "'a', an id holds no zero byte"},
    {[](auto& o) {
       o.members = 1;
       set_ids(o, {"one", "two"});
     },
     invalid, "the number of required.ids is 2, expected 0 to 1"},
    {[](auto& o) { o.required.startup_timeout = one_less; }, invalid, "required.startup_timeout is -1 ns"},
    {[](auto& o) { o.required.progress_timeout = one_less; }, invalid, "required.progress_timeout is -1 ns"},
    {[](auto& o) { o.required.grace = one_less; }, invalid, "required.grace is -1 ns"},
};

const std::vector<Case<SubscriberOptions>> subscriber_cases = {
    {[](auto& o) { o.follows = {"risk", ""}; }, invalid, "follows[1] is '', a reader without an id is a stranger"},
    {[](auto& o) { o.follows = {std::string(48, 'z')}; }, invalid, "zzz', an id has at most 47 bytes"},
    {[](auto& o) { o.follows = {o.id = "risk"}; }, invalid, "follows is 'risk', which is this reader itself"},
    {[](auto& o) { o.held_views = 0; }, invalid, "held_views is 0, expected 1 to 4294967295"},
    {[](auto& o) { o.max_message = 0; }, invalid, "max_message is 0, expected 1 to 1099511627776"},
    {[](auto& o) { o.max_message = ~0ULL; }, limit, "max_message is 18446744073709551615, expected 1 to"},
    {[](auto& o) { o.keep_place = Nanoseconds(-5); }, invalid, "keep_place is -5 ns, expected 0 or more"},
    {[](auto& o) { o.wait_for_publisher = one_less; }, invalid, "wait_for_publisher is -1 ns"},
    {[](auto& o) { o.id = std::string(48, 'z'); }, invalid, "zzz', an id has at most 47 bytes"},
};

template <class End, class Options>
void refuses(const memory::Place& place, const std::vector<Case<Options>>& cases) {
  for (const auto& spoilt : cases) {
    Options options;
    spoilt.spoil(options);
    std::string text;
    CHECK_MESSAGE(error_of([&] { End end(place, options); }, &text) == spoilt.code, spoilt.says);
    CHECK_MESSAGE(text.find(spoilt.says) != std::string::npos, text, " instead of ", spoilt.says);
    CHECK_MESSAGE(text.find(place.text()) != std::string::npos, text);
  }
}

// From here on this process gets so many bytes of address space more.
void limit_address_space(std::uint64_t more) {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t all = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + more;
  const rlimit address_space{all, all};
  ::setrlimit(RLIMIT_AS, &address_space);
}

} // namespace

TEST_CASE("channel: an option that cannot mean anything is refused by its name, and nothing is made") {
  const ScratchChannel channel;
  refuses<FramePublisher>(channel.place(), publisher_cases);
  refuses<SharedFramePublisher>(channel.place(), publisher_cases);
  refuses<SharedFramePublisher, PublisherOptions>(
      channel.place(), {{[](auto& o) { o.lenders = 0; }, invalid, "lenders is 0, expected 1 to 16"}});
  CHECK_FALSE(std::filesystem::exists(channel.place().path()));
  // Before it is asked whether there is such a channel, so nobody waits for one in vain.
  refuses<FrameSubscriber>(channel.place(), subscriber_cases);
  refuses<SharedFrameSubscriber>(channel.place(), subscriber_cases);
  refuses<LossyFrameSubscriber>(channel.place(), subscriber_cases);
  refuses<SharedLossyFrameSubscriber>(channel.place(), subscriber_cases);
  const std::vector<Case<SubscriberOptions>> of_lossy_ones = {
      {[](auto& o) { o.follows = {"risk"}; }, invalid, "follows is 'risk', but a lossy subscriber waits for nobody"}};
  refuses<LossyFrameSubscriber>(channel.place(), of_lossy_ones);
  refuses<SharedLossyFrameSubscriber>(channel.place(), of_lossy_ones);
}

TEST_CASE("channel: a subscriber of memory that is there already has its options checked, too") {
  const ScratchChannel directory; // for the counters
  FramePublisher out(memory::Place::heap());
  SubscriberOptions options;
  options.held_views = 0;
  CHECK(error_of([&] { FrameSubscriber in(out.space().share(), options); }) == invalid);
  options.held_views = ~0U;
  FrameSubscriber in(out.space().share(), options);
  CHECK(in.release_held() == frame::ReadResult::empty); // nothing is held
}

TEST_CASE("channel: a publisher that would wait for more readers than can join says so instead of waiting") { // T10
  const ScratchChannel channel;
  FramePublisher out(channel.place());
  std::string text;
  CHECK(error_of([&] { (void)out.wait_for_readers(65, never); }, &text) == invalid);
  CHECK(text.find(channel.place().text() + ": their number is 65, expected 0 to 64") != std::string::npos);
  CHECK_FALSE(out.wait_for_readers(64, 0));
}

TEST_CASE("channel: options at the edge of what they may be are taken") {
  const ScratchChannel channel;
  PublisherOptions options;
  options.ring_bytes = 1;
  options.members = 2;
  options.max_message = 1ULL << 40;
  options.grace = Nanoseconds(0);
  options.required.ids = {"x/y", std::string(47, 'z')};
  options.coordination = Coordination::buffer_until_readers(1);
  FramePublisher out(channel.place(), options);
  CHECK(out.facts().capacity == frame::frame_capacity_min);
  SubscriberOptions reader;
  reader.id = "x/y";
  reader.max_message = 1;
  reader.held_views = 1;
  reader.keep_place = Nanoseconds(0);
  FrameSubscriber in(channel.place(), reader);
  CHECK(out.publish(std::as_bytes(std::span("m", 1))) == PublishResult::published);
  CHECK(in.poll([](const frame::View& view) { CHECK(view.bytes.size() == 1); }).messages == 1);
}

TEST_CASE("channel: a subscriber that finds no memory for its messages says for which option, and joins with less") {
  if (ringfleet::test::scale_down != 1) {
    return; // a sanitizer's shadow memory alone is more than any such limit
  }
  const ScratchChannel channel;
  SharedFramePublisher out(channel.place());
  const auto child = in_forked_child([&] {
    limit_address_space(256 << 20);
    SubscriberOptions options; // eight messages of 64 MiB
    std::string text;
    if (error_of([&] { SharedFrameSubscriber in(channel.place(), options); }, &text) != ErrorCode::no_memory) {
      return 1;
    }
    if (text.find(channel.place().text() + ": max_message is 67108864, held_views is 64: there is no memory for 8 "
                                           "messages of 64MiB") == std::string::npos) {
      return 2;
    }
    options.max_message = 1 << 20;
    SharedFrameSubscriber in(channel.place(), options);
    return 0;
  });
  CHECK(child.code == 0);
  CHECK(out.readers() == 0); // nobody is left on a line
}

TEST_CASE("channel: a file where none can be is told by the path that the user gave") {
  const ScratchChannel channel(memory::Backing::file);
  const auto directory = channel.place().directory();
  std::string text;
  const auto nowhere = memory::Place::file(directory + "/none/ticks");
  CHECK(error_of([&] { FramePublisher out(nowhere); }, &text) == ErrorCode::not_found);
  CHECK(text == "create file ring '" + directory + "/none/ticks': there is no directory '" + directory +
                    "/none' (make it first, or take another path)");
  CHECK(error_of([&] { SharedFramePublisher out(nowhere); }, &text) == ErrorCode::not_found);
  CHECK(text.find("there is no directory") != std::string::npos);
  SubscriberOptions waiting;
  waiting.wait_for_publisher = std::chrono::seconds(60);
  CHECK(error_of([&] { FrameSubscriber in(nowhere, waiting); }, &text) == ErrorCode::not_found);
  CHECK(text.find("wait for " + nowhere.text() + ": there is no directory") != std::string::npos);

  const auto folder = memory::Place::file(directory);
  CHECK(error_of([&] { FramePublisher out(folder); }, &text) == ErrorCode::invalid_argument);
  CHECK(text == "create file ring '" + directory + "': it is a directory (name a file in it, for instance '" +
                    directory + "/ticks')");
  CHECK_FALSE(std::filesystem::exists(directory + "+lock"));
  CHECK(error_of([&] { FrameSubscriber in(folder); }, &text) == ErrorCode::bad_segment);
  CHECK(text.find("attach " + folder.text()) != std::string::npos);
  CHECK(text.find("not a regular file") != std::string::npos);

  // A link in the place of the lock is refused by the name of the ring, too.
  REQUIRE(::symlink("/nowhere", channel.place().path("lock").c_str()) == 0);
  CHECK(error_of([&] { FramePublisher out(channel.place()); }, &text) == ErrorCode::system);
  CHECK(text.find("create " + channel.place().text() + ": lock '") != std::string::npos);
}
