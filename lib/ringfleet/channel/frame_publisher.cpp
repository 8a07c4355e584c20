#include "ringfleet/channel/frame_publisher.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/channel/detail/option_check.hpp"
#include "ringfleet/channel/detail/publisher_state.hpp"

#include <optional>
#include <utility>

namespace ringfleet::channel {

using frame::WriteResult;

template <class Kind>
BasicFramePublisher<Kind>::BasicFramePublisher(const memory::Place& place, const PublisherOptions& options)
    : state_(std::make_unique<State>(place, options)), hot_(&*state_->hot) {
  state_->begin_coordination();
}

template <class Kind>
BasicFramePublisher<Kind>::BasicFramePublisher(BasicFramePublisher&&) noexcept = default;
template <class Kind>
BasicFramePublisher<Kind>& BasicFramePublisher<Kind>::operator=(BasicFramePublisher&& other) noexcept {
  BasicFramePublisher moved(std::move(other));
  std::swap(state_, moved.state_);
  std::swap(hot_, moved.hot_);
  return *this;
}
template <class Kind>
BasicFramePublisher<Kind>::~BasicFramePublisher() = default;

template <class Kind>
PublishResult BasicFramePublisher<Kind>::publish_slowly(std::span<const std::byte> bytes, MonotonicNs deadline,
                                                        std::uint16_t kind) {
  state_->space.require_here();
  auto refused = PublishResult::full;
  const auto result = state_->insist(deadline, refused, [&](MonotonicNs until) {
    return until == 0 ? hot_->writer.write(bytes, {.kind = kind})
                      : hot_->writer.write_until(bytes, until, {.kind = kind});
  });
  if (result != WriteResult::written) {
    return state_->refuse(result, refused);
  }
  state_->count_buffered();
  watch_newcomers();
  hot_->counters.messages.add();
  hot_->counters.bytes.add(bytes.size());
  hot_->counters.fragmented.add(bytes.size() > hot_->writer.max_claim() ? 1 : 0);
  return PublishResult::published;
}

template <class Kind>
typename BasicFramePublisher<Kind>::Writer::Claim
BasicFramePublisher<Kind>::claim_slowly(std::uint64_t bytes, MonotonicNs deadline, PublishResult* why) {
  state_->space.require_here();
  std::optional<typename Writer::Claim> claim;
  auto refused = PublishResult::full;
  const auto result = state_->insist(deadline, refused, [&](MonotonicNs until) {
    claim.reset();
    claim.emplace(until == 0 ? hot_->writer.claim(bytes) : hot_->writer.claim_until(bytes, until));
    return claim->result();
  });
  if (result == WriteResult::written) {
    state_->count_buffered();
    return std::move(*claim);
  }
  state_->refuse(result, refused, why);
  return Writer::refused_claim(result);
}

template <class Kind>
typename BasicFramePublisher<Kind>::Writer::Loan
BasicFramePublisher<Kind>::loan(std::uint64_t bytes, MonotonicNs deadline, PublishResult* why) {
  std::optional<typename Writer::Loan> loan;
  if (!hot_->is_guarded) {
    loan.emplace(hot_->writer.loan(bytes));
    if (*loan) [[likely]] {
      return std::move(*loan);
    }
  }
  state_->space.require_here();
  auto refused = PublishResult::full;
  const auto result = state_->insist(deadline, refused, [&](MonotonicNs until) {
    const auto slowest = hot_->writer.slowest_gate();
    const bool is_all_read = slowest == hot_->writer.published();
    if (until != 0 && !is_all_read &&
        state_->producer.wait_for_readers(slowest + 1, until) == ring::BarrierResult::stopped) {
      return WriteResult::stopped;
    }
    loan.reset();
    loan.emplace(hot_->writer.loan(bytes));
    // When everything is read and there is still no room, it is open loans that hold it.
    return until != 0 && !is_all_read && loan->result() == WriteResult::full && monotonic_now() < until
               ? WriteResult::needs_wait
               : loan->result();
  });
  if (result == WriteResult::written) {
    return std::move(*loan);
  }
  state_->refuse(result, refused, why);
  return Writer::refused_loan(result);
}

template <class Kind>
PublishResult BasicFramePublisher<Kind>::commit(typename Writer::Loan& loan, std::span<const std::byte> part,
                                                MonotonicNs deadline, std::uint16_t kind) {
  auto refused = PublishResult::full;
  auto result = hot_->is_guarded ? WriteResult::full : loan.commit(part, {.kind = kind});
  if (result == WriteResult::full) [[unlikely]] {
    result = state_->insist(deadline, refused, [&](MonotonicNs until) {
      return until == 0 ? loan.commit(part, {.kind = kind}) : loan.commit_until(part, until, {.kind = kind});
    });
  }
  if (result != WriteResult::written) {
    return state_->refuse(result, refused);
  }
  state_->count_buffered();
  watch_newcomers();
  hot_->counters.messages.add();
  hot_->counters.loans.add();
  hot_->counters.bytes.add(part.size());
  return PublishResult::published;
}

// What was published lies behind what others have begun: if one of them dies in it, this one has to see to it that the
// readers come past. Those that came before it are watched from its beginning.
template <class Kind>
void BasicFramePublisher<Kind>::look_at_newcomers() {
  const auto joins = hot_->owner_joins();
  try {
    state_->members.scan();
    hot_->owners_watched = joins;
  } catch (const Error&) {
    // Out of descriptors: the next message tries again.
  }
}

template <class Kind>
bool BasicFramePublisher<Kind>::wait_for_readers(std::uint32_t readers, MonotonicNs deadline) {
  detail::OptionCheck("wait for readers of " + state_->space.place().text())
      .require_within("their number", readers, 0, facts().members, ErrorCode::invalid_argument,
                      "each of them needs a line: make the channel with more members");
  return state_->wait_for_members([&](const Members&) { return state_->readers() >= readers; }, deadline);
}

template <class Kind>
bool BasicFramePublisher<Kind>::wait_for_members(const std::function<bool(const Members&)>& is_enough,
                                                 MonotonicNs deadline) {
  return state_->wait_for_members(is_enough, deadline);
}

template <class Kind>
void BasicFramePublisher<Kind>::check_readers() {
  state_->space.require_here();
  state_->look(false);
  (void)state_->refusal();
}

template <class Kind>
std::vector<ring::Member> BasicFramePublisher<Kind>::members() const {
  return state_->members.list();
}

template <class Kind>
std::uint32_t BasicFramePublisher<Kind>::readers() const {
  state_->members.scan();
  return state_->readers();
}

template <class Kind>
bool BasicFramePublisher<Kind>::evict(std::string_view id) {
  for (const auto& member : state_->members.list()) {
    if (member.id == id && member.state == ring::MemberState::joined) {
      const auto incarnation = state_->space.members().readers[member.line].incarnation;
      const bool is_done = state_->producer.evict(member.line, incarnation);
      hot_->counters.evicted.add(is_done ? 1 : 0);
      return is_done;
    }
  }
  return false;
}

template <class Kind>
void BasicFramePublisher<Kind>::stop() noexcept {
  state_->stop_requested.publish(1);
  state_->producer.stop();
}

template <class Kind>
void BasicFramePublisher<Kind>::resume() noexcept {
  state_->stop_requested.publish(0);
  state_->producer.resume();
}

template <class Kind>
typename BasicFramePublisher<Kind>::Producer& BasicFramePublisher<Kind>::ring() noexcept {
  hot_->writer.end_sole_use();
  return state_->producer;
}
template <class Kind>
const ring::RingSpace& BasicFramePublisher<Kind>::space() const noexcept {
  hot_->writer.end_sole_use();
  return state_->space;
}
template <class Kind>
const ring::RingFacts& BasicFramePublisher<Kind>::facts() const noexcept {
  return state_->space.facts();
}

template class BasicFramePublisher<OneProducer>;
template class BasicFramePublisher<ManyProducers>;

} // namespace ringfleet::channel
