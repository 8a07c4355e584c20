#pragma once

// One wait over the readers of several rings, of whatever types. What comes is read from each reader itself; there is
// no order between rings.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/barrier.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace ringfleet::ring {

// `R` is Reader, SharedReader, LossyReader or behaves like them: next_awaited() is what its own wait for one element
// waits for.
template <class R>
concept Waitable = requires(R& reader) {
  { reader.next_awaited() } -> Awaited;
  { reader.options() } -> std::convertible_to<const BarrierOptions&>;
};

// The same thread as the readers, whose own wait() must not run meanwhile; stop() from any thread. The readers stay
// where they are and outlive it. It parks when all of them may.
class FanIn {
public:
  // Of `options` only the obituary counts; those of the readers are waited for as well.
  explicit FanIn(const BarrierOptions& options = {}) : barrier_(options) {}

  // Returns its index. Throws Error(limit_reached) when a thread cannot sleep on so many rings at once: a reader counts
  // once, once more for each reader that it follows, and once more for an obituary of its own; 126 in all.
  template <Waitable R>
  std::size_t add(R& reader) {
    auto source = std::make_unique<SourceOf<R>>(reader, barrier_.options().obituary);
    BellList bells(reader.options().shared);
    source->collect(bells);
    admit(bells.words().size());
    sources_.push_back(std::move(source));
    barrier_.set_waiting(may_park(reader.options()) ? Waiting::park : Waiting::spin);
    return sources_.size() - 1;
  }

  struct Ready {
    BarrierResult result;
    std::size_t index; // with `reached`: a reader whose next poll answers other than `empty`, unless that skips a claim
                       // which one of many producers has aborted meanwhile
  };
  // Waits until one of them has something to read, or has come to its end. Whoever follows the one that was returned
  // last comes first, so nobody is left out.
  [[nodiscard]] Ready wait(MonotonicNs deadline) {
    RINGFLEET_ASSERT(!sources_.empty(), "a wait for no reader at all never ends");
    AnyAwaited any{sources_, last_};
    const auto result = barrier_.wait(any, deadline);
    if (result == BarrierResult::reached) {
      last_ = any.ready;
    }
    return {result, any.ready};
  }

  // Any thread: ends waits with `stopped`, until resume().
  void stop() noexcept { barrier_.stop(); }
  void resume() noexcept { barrier_.resume(); }

private:
  struct Source {
    virtual ~Source() = default;
    [[nodiscard]] virtual bool is_over() = 0;
    virtual void announce() = 0;
    virtual void collect(BellList& bells) = 0;
  };
  template <class R>
  struct SourceOf final : Source {
    SourceOf(R& its_reader, const memory::Obituary* watched)
        : reader(its_reader), obituary(reader.options().obituary != watched ? reader.options().obituary : nullptr) {}
    [[nodiscard]] bool is_over() override { return reader.next_awaited().is_over(); }
    void announce() override { reader.next_awaited().announce(); }
    void collect(BellList& bells) override {
      bells.set_shared(reader.options().shared);
      reader.next_awaited().collect(bells);
      if (obituary != nullptr) {
        bells.add(obituary->park_word(obituary->value()));
      }
    }
    R& reader;
    const memory::Obituary* obituary; // its own: where it learns that its producer is dead
  };
  using Sources = std::vector<std::unique_ptr<Source>>;

  struct AnyAwaited {
    const Sources& sources;
    std::size_t last;
    std::size_t ready = 0;

    [[nodiscard]] bool is_over() {
      for (std::size_t i = 1; i <= sources.size(); ++i) {
        ready = (last + i) % sources.size();
        if (sources[ready]->is_over()) {
          return true;
        }
      }
      return false;
    }
    void announce() const {
      for (const auto& source : sources) {
        source->announce();
      }
    }
    void collect(BellList& bells) const {
      for (const auto& source : sources) {
        source->collect(bells);
      }
    }
  };

  void admit(std::size_t words);
  [[nodiscard]] bool may_park(const BarrierOptions& options) const noexcept {
    return options.waiting == Waiting::park && (sources_.size() == 1 || barrier_.options().waiting == Waiting::park);
  }

  Barrier barrier_;
  Sources sources_;
  std::size_t words_ = 0;
  std::size_t last_ = 0;
};

} // namespace ringfleet::ring
