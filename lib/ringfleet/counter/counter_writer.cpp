#include "ringfleet/counter/counter_writer.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace ringfleet::counter {
namespace {

template <std::size_t N>
void copy_text(char (&field)[N], std::string_view text) {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

constexpr memory::Expectation expected = {
    .kind = memory::SegmentKind::counters, .body_bytes_min = body_bytes_for(1), .fingerprint = fingerprint};

CounterBody& body_of(memory::Segment& segment) noexcept {
  return *reinterpret_cast<CounterBody*>(segment.writable_body().data());
}

} // namespace

std::string counter_directory(std::string_view fleet_directory) {
  return fmt::format("{}/counters", fleet_directory);
}

std::string counter_path(std::string_view fleet_directory, std::string_view role, std::uint64_t serial) {
  return fmt::format("{}/{}-{}", counter_directory(fleet_directory), role, serial);
}

os::Descriptor create_counter_file(std::string_view path, const CounterOwner& owner, std::uint32_t counters) {
  if (counters == 0 || counters > limits::counters_max) {
    throw Error(ErrorCode::invalid_argument, fmt::format("counter file '{}' for {} counters", path, counters),
                fmt::format("1 to {}", limits::counters_max));
  }
  os::create_private_directory(std::string(path.substr(0, path.rfind('/'))));
  // Named before it appears: whoever finds it, after our death too, sees whose it is.
  memory::HiddenSegment segment(std::string(path), {.kind = memory::SegmentKind::counters,
                                                    .body_bytes = body_bytes_for(counters),
                                                    .generation = owner.serial,
                                                    .fingerprint = fingerprint});
  OwnerFields& fields = reinterpret_cast<CounterBody*>(segment.body().data())->owner;
  fields.serial = owner.serial;
  fields.creator_pid_namespace = os::own_pid_namespace();
  copy_text(fields.role, owner.role);
  copy_text(fields.fleet, owner.fleet);
  copy_text(fields.name, owner.name);
  // SYNC counter.named: release; pairs with acquire in CounterCopies::take. Publishes: serial, names and PID namespace.
  Atomics::store_release(fields.named, 1U);
  return segment.appear().descriptor().duplicate();
}

CounterWriter::CounterWriter(const os::Descriptor& file, std::string_view name)
    : name_(name), segment_(memory::Segment::attach_file_writer(file.duplicate(), expected, name)) {
  segment_.close_descriptor();
  capacity_ = counters_in(segment_.writable_body().size());
  OwnerFields& owner = body().owner;
  if (const std::uint32_t pid = Atomics::load_relaxed(owner.pid); pid != 0) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("attach counter file '{}': process {} owns it already", name_, pid));
  }
  const os::ProcessIdentity self = os::own_identity();
  show_owner(owner, static_cast<std::uint32_t>(self.pid), self.start_time_ticks, os::own_pid_namespace());
}

CounterWriter::CounterWriter(std::string_view path, const CounterOwner& owner, std::uint32_t counters)
    : CounterWriter(create_counter_file(path, owner, counters), path) {}

CounterBody& CounterWriter::body() noexcept {
  return body_of(segment_);
}

CounterItem& CounterWriter::allocate(std::string_view label, Kind kind) {
  if (label.empty() || label.size() >= limits::counter_label_bytes || label.find_first_of(" \t\n") != label.npos) {
    throw Error(ErrorCode::invalid_argument, fmt::format("counter label '{}'", label),
                fmt::format("1 to {} bytes, no blanks", limits::counter_label_bytes - 1));
  }
  const std::lock_guard guard(allocating_);
  CounterItem* const item = allocate_item(body(), allocated_, capacity_, label, kind);
  if (item == nullptr) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("counter '{}' in '{}': {} are there already", label, name_, allocated_),
                capacity_ < limits::counters_max ? "make the file for more of them" : "");
  }
  return *item;
}

Counter CounterWriter::counter(std::string_view label) {
  return Counter(allocate(label, Kind::counter));
}
Counter CounterWriter::gauge(std::string_view label) {
  return Counter(allocate(label, Kind::gauge));
}
Text CounterWriter::text(std::string_view label) {
  return Text(allocate(label, Kind::text));
}

} // namespace ringfleet::counter
