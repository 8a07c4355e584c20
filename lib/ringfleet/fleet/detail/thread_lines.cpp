#include "ringfleet/fleet/detail/thread_lines.hpp"

#include "ringfleet/base/process_word.hpp"

#include <bit>
#include <unordered_map>
#include <utility>

namespace ringfleet::fleet {
namespace {

// The lines this thread holds in every pool; gives them back when the thread ends.
struct HeldLines {
  struct Held {
    std::weak_ptr<ThreadLines::Taken> pool;
    std::uint64_t bit = 0; // 0: this thread shares the last line
    EpochLine* line = nullptr;
  };
  std::unordered_map<std::uint64_t, Held> by_pool;

  ~HeldLines() {
    for (auto& [id, held] : by_pool) {
      if (const auto pool = held.pool.lock(); pool && held.bit != 0) {
        const std::lock_guard lock(pool->mutex);
        pool->bits &= ~held.bit;
      }
    }
  }
};

thread_local HeldLines held_lines;
ProcessWord<std::uint64_t> next_pool{1};

constexpr std::uint64_t shared_bit = 1ULL << (limits::epoch_lines - 1);

} // namespace

thread_local ThreadLines::Cached ThreadLines::cached_;

ThreadLines::ThreadLines(EpochLayout& layout)
    : id_(next_pool.add(1)), layout_(layout), taken_(std::make_shared<Taken>()) {
  taken_->bits = shared_bit;
}

EpochLine* ThreadLines::find_own() {
  auto [found, fresh] = held_lines.by_pool.try_emplace(id_);
  HeldLines::Held& held = found->second;
  if (fresh) {
    std::erase_if(held_lines.by_pool,
                  [this](const auto& item) { return item.first != id_ && item.second.pool.expired(); });
    const std::lock_guard lock(taken_->mutex);
    if (const int index = std::countr_one(taken_->bits); index < static_cast<int>(limits::epoch_lines)) {
      held = {taken_, 1ULL << index, &layout_.lines[index]};
      taken_->bits |= held.bit;
    }
    if (held.line == nullptr) {
      held.pool = taken_;
    }
  }
  cached_ = {id_, held.line};
  return held.line;
}

} // namespace ringfleet::fleet
