#include "ringfleet/counter/counter_writer.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/counter/detail/boot_id.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringfleet::counter {
namespace {

template <std::size_t N>
void copy_text(char (&field)[N], std::string_view text) {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

CounterFileHeader& header_of(os::Mapping& mapping) {
  return *reinterpret_cast<CounterFileHeader*>(mapping.writable_bytes().data());
}

CounterItem& item_of(os::Mapping& mapping, std::uint32_t index) {
  return reinterpret_cast<CounterItem*>(mapping.writable_bytes().data() + sizeof(CounterFileHeader))[index];
}

// The descriptor comes from another process: nothing is mapped before its size is known to be there.
os::Mapping map_file(const os::Descriptor& file, std::string_view name) {
  const os::FileFacts facts = os::file_facts(file.get(), name);
  if (!facts.is_regular || facts.size_bytes != file_bytes) {
    throw Error(ErrorCode::bad_segment,
                fmt::format("attach counter file '{}': {} bytes instead of {}", name, facts.size_bytes, file_bytes),
                "remove the file; it is written anew at the next start");
  }
  return os::Mapping(file.get(), file_bytes, os::Access::read_write, name);
}

} // namespace

std::string counter_directory(std::string_view fleet_directory) {
  return fmt::format("{}/counters", fleet_directory);
}

std::string counter_path(std::string_view fleet_directory, std::string_view role, std::uint64_t serial) {
  return fmt::format("{}/{}-{}", counter_directory(fleet_directory), role, serial);
}

os::Descriptor create_counter_file(std::string_view path, const CounterOwner& owner) {
  os::create_private_directory(std::string(path.substr(0, path.rfind('/'))));
  CounterFileHeader header{};
  header.magic = file_magic;
  header.layout = layout_version;
  header.items_max = limits::counters_max;
  header.serial = owner.serial;
  detail::boot_id(header.boot_id);
  copy_text(header.role, owner.role);
  copy_text(header.fleet, owner.fleet);
  copy_text(header.name, owner.name);

  const std::string final_path(path);
  const std::string building = fmt::format("{}.{}.new", path, os::own_identity().pid);
  os::Descriptor file = os::create_file(building, file_bytes);
  try {
    os::write_at(file.get(), std::as_bytes(std::span(&header, 1)), 0, building);
    if (renameat2(AT_FDCWD, building.c_str(), AT_FDCWD, final_path.c_str(), RENAME_NOREPLACE) != 0) {
      throw Error::from_errno(fmt::format("create counter file '{}'", path), errno);
    }
  } catch (...) {
    unlink(building.c_str());
    throw;
  }
  return file;
}

CounterWriter::CounterWriter(const os::Descriptor& file, std::string_view name)
    : name_(name), mapping_(map_file(file, name)) {
  CounterFileHeader& header = header_of(mapping_);
  if (header.magic != file_magic || header.layout != layout_version || header.items_max != limits::counters_max) {
    throw Error(ErrorCode::bad_segment, fmt::format("attach '{}': not a counter file of this version", name_),
                "remove the file; it is written anew at the next start");
  }
  if (Atomics::load_relaxed(header.pid) != 0) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("attach counter file '{}': process {} owns it already", name_, header.pid));
  }
  const os::ProcessIdentity self = os::own_identity();
  Atomics::store_relaxed(header.start_time_ticks, self.start_time_ticks);
  // SYNC counter.owner: release; pairs with acquire in CounterSnapshot::read. Publishes: the start time.
  Atomics::store_release(header.pid, static_cast<std::uint32_t>(self.pid));
}

CounterWriter::CounterWriter(std::string_view path, const CounterOwner& owner)
    : CounterWriter(create_counter_file(path, owner), path) {}

CounterItem& CounterWriter::allocate(std::string_view label, Kind kind) {
  if (label.empty() || label.size() >= limits::counter_label_bytes || label.find_first_of(" \t\n") != label.npos) {
    throw Error(ErrorCode::invalid_argument, fmt::format("counter label '{}'", label),
                fmt::format("1 to {} bytes, no blanks", limits::counter_label_bytes - 1));
  }
  const std::lock_guard guard(allocating_);
  if (allocated_ == limits::counters_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("counter '{}' in '{}': {} are there already", label, name_, allocated_));
  }
  CounterItem& item = item_of(mapping_, allocated_++);
  copy_text(item.label, label);
  // SYNC counter.item: release; pairs with acquire in CounterSnapshot::read. Publishes: the label.
  Atomics::store_release(item.kind, static_cast<std::uint32_t>(kind));
  return item;
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
