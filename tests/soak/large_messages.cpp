#include "large_messages.hpp"

#include <array>
#include <cstring>

namespace ringfleet::soak {

namespace {

constexpr std::uint64_t arena_bytes = 256 * 1'024;

channel::PublisherOptions with_arena(channel::PublisherOptions options) {
  options.arena_bytes = arena_bytes;
  return options;
}

std::byte byte_at(const Element& element, std::size_t at) noexcept {
  return static_cast<std::byte>(element.check + at * 7);
}

} // namespace

Size size_of(const Element& element) noexcept {
  const auto dice = element.check >> 30U;                                  // its lower bits change too slowly
  constexpr std::array<std::uint64_t, 4> most{150, 4'000, 40'000, 40'000}; // above 16 KiB it goes in fragments
  const auto kind = dice % most.size();
  return {sizeof(Element) + dice / 4 % most[kind], kind == 3};
}

void fill(std::span<std::byte> message, const Element& element) noexcept {
  std::memcpy(message.data(), &element, sizeof(Element));
  for (std::size_t at = sizeof(Element); at < message.size(); ++at) {
    message[at] = byte_at(element, at);
  }
}

std::optional<Element> element_of(std::span<const std::byte> message) noexcept {
  Element element{};
  if (message.size() < sizeof(Element)) {
    return std::nullopt;
  }
  std::memcpy(&element, message.data(), sizeof(Element));
  if (message.size() != size_of(element).bytes) {
    return std::nullopt;
  }
  for (std::size_t at = sizeof(Element); at < message.size(); ++at) {
    if (message[at] != byte_at(element, at)) {
      return std::nullopt;
    }
  }
  return element;
}

template <class Frames>
LargePublisher<Frames>::LargePublisher(const memory::Place& place, const channel::PublisherOptions& options)
    : frames_(place, with_arena(options)), buffer_(64 * 1'024) {}

template <class Frames>
channel::PublishResult LargePublisher<Frames>::publish(const Element& element, MonotonicNs deadline) {
  const auto size = size_of(element);
  if (!size.is_lent) {
    const auto message = std::span(buffer_).first(size.bytes);
    fill(message, element);
    return frames_.publish(message, deadline);
  }
  auto why = channel::PublishResult::full;
  auto loan = frames_.loan(size.bytes, deadline, &why);
  if (!loan) {
    return why;
  }
  const auto message = loan.bytes().first(size.bytes);
  fill(message, element);
  return frames_.commit(loan, message, deadline);
}

template class LargePublisher<channel::FramePublisher>;
template class LargePublisher<channel::SharedFramePublisher>;

} // namespace ringfleet::soak
