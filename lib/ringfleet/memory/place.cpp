#include "ringfleet/memory/place.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/segment_name.hpp"

#include <fmt/format.h>

namespace ringfleet::memory {
namespace {

constexpr std::string_view shm_prefix = "ringfleet.";
constexpr std::string_view unfinished_suffix = ".new";

bool is_valid_name(std::string_view name) {
  try {
    check_segment_name(name);
    return true;
  } catch (const Error&) {
    return false;
  }
}

} // namespace

std::string_view to_string(Backing backing) noexcept {
  switch (backing) {
  case Backing::shm: return "shm";
  case Backing::file: return "file";
  case Backing::anonymous: return "anonymous";
  case Backing::heap: return "heap";
  }
  return "unknown";
}

Place Place::shm(std::string_view name) {
  check_segment_name(name);
  return {Backing::shm, name};
}

Place Place::file(std::string_view path) {
  try {
    check_segment_name(path.substr(path.rfind('/') + 1));
  } catch (const Error& error) {
    throw error.in(fmt::format("ring file '{}'", path));
  }
  return {Backing::file, path};
}

Place Place::anonymous(std::string_view label) {
  return {Backing::anonymous, label};
}

Place Place::heap(std::string_view label) {
  return {Backing::heap, label};
}

std::string Place::text() const {
  return fmt::format("{} ring '{}'", to_string(backing_), name_);
}

std::string Place::path(std::string_view part) const {
  RINGFLEET_ASSERT(is_named(), "only a named ring has a path");
  const auto whole = backing_ == Backing::shm ? fmt::format("{}/{}{}", shm_directory, shm_prefix, name_) : name_;
  return part.empty() ? whole : fmt::format("{}+{}", whole, part);
}

std::string Place::directory() const {
  const auto whole = path();
  const auto slash = whole.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : whole.substr(0, slash);
}

std::optional<FileName> parse_file_name(Backing backing, std::string_view file_name) {
  std::string_view rest = file_name;
  if (backing == Backing::shm) {
    if (!rest.starts_with(shm_prefix)) {
      return std::nullopt;
    }
    rest.remove_prefix(shm_prefix.size());
  }
  const auto plus = rest.find('+');
  FileName parsed;
  parsed.name = std::string(rest.substr(0, plus));
  if (!is_valid_name(parsed.name)) {
    return std::nullopt;
  }
  if (plus == std::string_view::npos) {
    return parsed;
  }
  rest.remove_prefix(plus + 1);
  // "members", "members+1234-0.new", or for the ring itself "+1234-0.new"
  if (rest.ends_with(unfinished_suffix)) {
    parsed.unfinished = true;
    const auto joint = rest.rfind('+');
    const auto number = rest.substr(joint == std::string_view::npos ? 0 : joint + 1);
    if (number.substr(0, number.size() - unfinished_suffix.size()).find_first_not_of("0123456789-") !=
        std::string_view::npos) {
      return std::nullopt;
    }
    rest = joint == std::string_view::npos ? std::string_view{} : rest.substr(0, joint);
  }
  const bool is_ring = parsed.unfinished && rest.empty();
  if (!is_ring && rest != "members" && rest != "arena" && rest != "lock") {
    return std::nullopt;
  }
  parsed.part = std::string(rest);
  return parsed;
}

} // namespace ringfleet::memory
