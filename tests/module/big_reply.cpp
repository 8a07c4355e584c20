// Replies of any size, made in every way the writer offers, and a checksum of arguments of any size.

#include <ringfleet/module.hpp>

namespace {

namespace rf = ringfleet::module;

std::byte pattern(std::uint64_t index) {
  return static_cast<std::byte>((index * 2654435761U) >> 13U);
}

struct BigReply {
  // In place, in one piece.
  void reserve(std::uint64_t bytes, rf::Reply& reply) {
    const auto room = reply.reserve(bytes);
    for (std::uint64_t index = 0; index < bytes; ++index) {
      room[index] = pattern(index);
    }
    reply.set_length(bytes);
  }
  // By many small appends, growing on the way.
  void append(std::uint64_t bytes, rf::Reply& reply) {
    std::array<std::byte, 1000> piece;
    for (std::uint64_t done = 0; done < bytes;) {
      const std::size_t count = bytes - done < piece.size() ? bytes - done : piece.size();
      for (std::size_t index = 0; index < count; ++index) {
        piece[index] = pattern(done + index);
      }
      reply.write(std::span(piece).first(count));
      done += count;
    }
  }
  // Reserves more than it uses, writes, reserves again: what was written stays.
  void regrow(std::uint64_t bytes, rf::Reply& reply) {
    (void)reply.reserve(16);
    reply.write("kept:");
    (void)reply.reserve(bytes);
    reply.write("end");
  }
  // Ignores that there is no room: the runner must not.
  void ignore(std::uint64_t bytes, rf::Reply& reply) {
    try {
      (void)reply.reserve(bytes);
    } catch (const rf::NoSpace&) {
    }
  }
  std::uint64_t count(std::span<const std::byte> args) {
    std::uint64_t sum = args.size();
    for (std::uint64_t index = 0; index < args.size(); ++index) {
      sum += args[index] == pattern(index) ? 0U : 1'000'000'000'000U;
    }
    return sum;
  }
};

} // namespace

RINGFLEET_MODULE(BigReply, {.id = "big_reply", .version = "1.0.0"}, RINGFLEET_METHOD(reserve), RINGFLEET_METHOD(append),
                 RINGFLEET_METHOD(regrow), RINGFLEET_METHOD(ignore), RINGFLEET_METHOD(count))
