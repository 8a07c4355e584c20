// What somebody most likely wanted to type.

#include "ringfleet/base/nearest.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;

TEST_CASE("nearest: one letter in three may be wrong, missing, too much or beside its place") {
  constexpr std::array<std::string_view, 4> known{"status", "reload", "down", "up"};
  CHECK(nearest("stauts", known) == "status");
  CHECK(nearest("relod", known) == "reload");
  CHECK(nearest("downn", known) == "down");
  CHECK(nearest("dwon", known) == "down");
  CHECK(nearest("up", known) == "up");
  CHECK(nearest("frobnicate", known).empty());
  CHECK(nearest("dxxx", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(nearest("status", {}).empty());
  CHECK(nearest(std::string(100'000, 's'), known).empty());
}
