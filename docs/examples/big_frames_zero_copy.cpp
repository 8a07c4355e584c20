// Frames of 32 MiB that are never copied: written in the publisher's arena, read there.
// usage: big_frames_zero_copy [CHANNEL]

#include <ringfleet/channel/frame_publisher.hpp>
#include <ringfleet/channel/frame_subscriber.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet::channel;

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "big-frames";
  constexpr std::uint64_t frame_bytes = 32ULL << 20;
  constexpr int frames = 8;

  if (::fork() == 0) {
    FrameSubscriber in(channel, {.wait_for_publisher = std::chrono::seconds(30)});
    const auto arena = in.space().arena();
    int good = 0;
    while (in.wait() == WaitResult::ready) {
      in.poll([&](const ringfleet::frame::View& view) {
        const bool lies_in_arena = !std::less<>()(view.bytes.data(), arena.data()) &&
                                   !std::less<>()(arena.data() + arena.size(), view.bytes.data() + view.bytes.size());
        const bool is_whole = view.bytes.size() == frame_bytes && view.bytes.front() == view.bytes.back();
        std::printf("frame %d at %p, %s the arena %p\n", std::to_integer<int>(view.bytes.front()),
                    static_cast<const void*>(view.bytes.data()), lies_in_arena ? "in" : "outside",
                    static_cast<const void*>(arena.data()));
        good += lies_in_arena && is_whole ? 1 : 0;
      });
    }
    return good == frames ? 0 : 1;
  }

  {
    FramePublisher out(channel, {.arena_bytes = 3 * frame_bytes,
                                 .coordination = Coordination::wait_for_readers(1, std::chrono::seconds(30))});
    for (int number = 1; number <= frames; ++number) {
      auto loan = out.loan(frame_bytes); // waits until readers are through with what was lent before
      if (!loan) {
        return 1;
      }
      std::memset(loan.bytes().data(), number, loan.bytes().size());
      if (out.commit(loan, loan.bytes()) != PublishResult::published) {
        return 1;
      }
    }
  }
  int status = 0;
  ::wait(&status);
  return status == 0 ? 0 : 1;
}
