#include "ringfleet/channel/required_readers.hpp"

#include <algorithm>
#include <utility>

namespace ringfleet::channel {
namespace {

[[nodiscard]] MonotonicNs after(MonotonicNs moment, Nanoseconds duration) noexcept {
  return deadline_after(moment, duration);
}

} // namespace

std::string_view to_string(RequiredState state) noexcept {
  switch (state) {
  case RequiredState::awaited: return "awaited";
  case RequiredState::present: return "present";
  case RequiredState::lagging: return "lagging";
  case RequiredState::gone: return "gone";
  case RequiredState::missed: return "missed";
  }
  return "unknown";
}

RequiredReaders::RequiredReaders(RequiredOptions options, MonotonicNs now) : options_(std::move(options)) {
  for (const auto& id : options_.ids) {
    readers_.push_back({.id = id, .since = now, .moved_at = now});
  }
}

bool RequiredReaders::has_failed() const noexcept {
  return options_.action == MissedAction::fail &&
         std::ranges::any_of(readers_, [](const Reader& reader) { return reader.state == RequiredState::missed; });
}

MonotonicNs RequiredReaders::next_change() const noexcept {
  MonotonicNs next = never;
  for (const auto& reader : readers_) {
    switch (reader.state) {
    case RequiredState::awaited: next = std::min(next, after(reader.since, options_.startup_timeout)); break;
    case RequiredState::present: next = std::min(next, after(reader.moved_at, options_.progress_timeout)); break;
    case RequiredState::lagging:
    case RequiredState::gone: next = std::min(next, after(reader.since, options_.grace)); break;
    case RequiredState::missed: break;
    }
  }
  return next;
}

void RequiredReaders::enter(Reader& reader, RequiredState state, MonotonicNs now, std::string_view reason) {
  reader.state = state;
  reader.since = now;
  if (options_.on_alert) {
    options_.on_alert({reader.id, state, reason});
  }
}

void RequiredReaders::miss(Reader& reader, MonotonicNs now, std::string_view reason, const ReaderSighting* sighting,
                           std::vector<Eviction>& evictions) {
  enter(reader, RequiredState::missed, now, reason);
  if (options_.action == MissedAction::evict && sighting != nullptr) {
    evictions.push_back({sighting->line, sighting->incarnation});
  }
}

// A reader that is missed and alive comes back by moving, one that is missed and gone by joining again.
std::vector<RequiredReaders::Eviction> RequiredReaders::tick(MonotonicNs now, std::span<const ReaderSighting> readers,
                                                             std::uint64_t cursor, bool is_full) {
  std::vector<Eviction> evictions;
  for (auto& reader : readers_) {
    const auto found = std::ranges::find_if(
        readers, [&](const ReaderSighting& sighting) { return sighting.has_joined && sighting.id == reader.id; });
    const ReaderSighting* const sighting = found == readers.end() ? nullptr : &*found;
    const bool was_there = std::exchange(reader.is_there, sighting != nullptr);
    if (sighting == nullptr) {
      if (reader.state == RequiredState::present || reader.state == RequiredState::lagging) {
        enter(reader, RequiredState::gone, now, "it died or left");
      } else if (reader.state == RequiredState::awaited && now >= after(reader.since, options_.startup_timeout)) {
        miss(reader, now, "it did not join within the startup timeout", nullptr, evictions);
      } else if (reader.state == RequiredState::gone && now >= after(reader.since, options_.grace)) {
        miss(reader, now, "it did not come back within the grace", nullptr, evictions);
      }
      continue;
    }
    const bool moved = sighting->position != reader.position;
    reader.position = sighting->position;
    if (moved || sighting->position == cursor || !is_full || !was_there) {
      reader.moved_at = now;
    }
    switch (reader.state) {
    case RequiredState::awaited:
    case RequiredState::gone: enter(reader, RequiredState::present, now, "it joined"); break;
    case RequiredState::present:
      if (now >= after(reader.moved_at, options_.progress_timeout)) {
        enter(reader, RequiredState::lagging, now, "it does not read while the ring is full");
      }
      break;
    case RequiredState::lagging:
      if (reader.moved_at == now) {
        enter(reader, RequiredState::present, now, "it reads again");
      } else if (now >= after(reader.since, options_.grace)) {
        miss(reader, now, "it did not read within the grace", sighting, evictions);
      }
      break;
    case RequiredState::missed:
      if (moved || !is_full || !was_there) {
        enter(reader, RequiredState::present, now, "it is back");
      }
      break;
    }
  }
  return evictions;
}

} // namespace ringfleet::channel
