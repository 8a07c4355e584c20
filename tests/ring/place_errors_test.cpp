// Where a ring cannot lie, and what an operation on one of its files says, is told of the place that was named.

#include "space_fixture.hpp"

#include "ringfleet/os/file.hpp"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::ring::test;

namespace {

// What is said by whoever makes a ring there; its code.
ErrorCode refused(const memory::Place& place, std::string& text) {
  return error_of([&] { (void)RingSpace::create(ticks_at(place)); }, &text);
}

} // namespace

TEST_CASE("ring space: where there is no directory, or a file in its place, no ring is made or waited for") {
  const ScratchRing scratch(memory::Backing::file);
  const auto file = os::create_file(scratch.directory() + "/file", 1);
  for (const char* parent : {"/none", "/file"}) {
    const auto nowhere = memory::Place::file(scratch.directory() + parent + "/ticks");
    const auto fault = nowhere.text() + ": there is no directory '" + scratch.directory() + parent + "'";
    std::string text;
    CHECK(refused(nowhere, text) == ErrorCode::not_found);
    CHECK(contains(text, "create " + fault));
    CHECK(error_of([&] { (void)RingSpace::await(nowhere, ticks(), monotonic_now()); }, &text) == ErrorCode::not_found);
    CHECK(contains(text, "wait for " + fault));
  }
}

TEST_CASE("ring space: a directory is no place for a ring, and nothing is made beside it") {
  const ScratchRing scratch(memory::Backing::file);
  std::filesystem::create_directory(scratch.place().path());
  std::string text;
  CHECK(refused(scratch.place(), text) == ErrorCode::invalid_argument);
  CHECK(contains(text, "create " + scratch.place().text() + ": it is a directory"));
  CHECK_FALSE(os::is_there(scratch.place().path("lock")));
}

TEST_CASE("ring space: what is wrong with one of its files is told with the name of the ring, once") {
  for (const auto backing : {memory::Backing::shm, memory::Backing::file}) {
    const ScratchRing scratch(backing);
    const auto name = scratch.place().text();
    std::string text;
    REQUIRE(::symlink("/nowhere", scratch.place().path("lock").c_str()) == 0);
    CHECK(refused(scratch.place(), text) == ErrorCode::system);
    CHECK(contains(text, "create " + name + ": lock '"));
    REQUIRE(::unlink(scratch.place().path("lock").c_str()) == 0);

    {
      const auto owner = RingSpace::create(ticks_at(scratch.place()));
    }
    REQUIRE(::unlink(scratch.place().path("members").c_str()) == 0);
    CHECK(refused(scratch.place(), text) == ErrorCode::not_found); // and the directory is there
    CHECK(contains(text, "continue " + name));
    CHECK(text.find(name) == text.rfind(name));
  }
}
