#pragma once

// What the kernel says about one of a ring's files is told of the place that the user named.

#include "ringfleet/base/error.hpp"
#include "ringfleet/memory/place.hpp"

#include <string_view>

namespace ringfleet::ring::detail {

// Throws Error(invalid_argument) when a directory lies where the ring is to lie: before anything is made beside it.
void refuse_directory(std::string_view doing, const memory::Place& place);

// The error of an operation on one of its files, with the place in its text. `doing`: e.g. "create".
[[nodiscard]] Error told_by_place(std::string_view doing, const memory::Place& place, const Error& error);

} // namespace ringfleet::ring::detail
