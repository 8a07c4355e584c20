#include "ringfleet/ring/detail/place_errors.hpp"

#include <cerrno>
#include <filesystem>
#include <string>

#include <fmt/format.h>

namespace ringfleet::ring::detail {
namespace {

bool is_directory(const std::string& path) noexcept {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

} // namespace

void refuse_directory(std::string_view doing, const memory::Place& place) {
  if (place.backing() == memory::Backing::file && is_directory(place.path())) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} {}: it is a directory", doing, place.text()),
                fmt::format("name a file in it, for instance '{}/ticks'", place.path()));
  }
}

Error told_by_place(std::string_view doing, const memory::Place& place, const Error& error) {
  const bool has_no_path = error.errno_value() == ENOENT || error.errno_value() == ENOTDIR;
  if (place.backing() == memory::Backing::file && has_no_path && !is_directory(place.directory())) {
    return Error(ErrorCode::not_found,
                 fmt::format("{} {}: there is no directory '{}'", doing, place.text(), place.directory()),
                 "make it first, or take another path", error.errno_value());
  }
  const bool is_told = error.operation().find(place.text()) != std::string::npos;
  return is_told ? error : error.in(fmt::format("{} {}", doing, place.text()));
}

} // namespace ringfleet::ring::detail
