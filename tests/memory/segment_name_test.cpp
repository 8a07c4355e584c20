// Names of rings, and where their files lie. (T16)

#include "../os/forked_child.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/memory/place.hpp"
#include "ringfleet/memory/segment_name.hpp"

#include <set>
#include <string>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::memory;
using test::error_of;

namespace {

std::string refusal(const std::string& name) {
  std::string text = "it was accepted";
  CHECK(error_of([&] { check_segment_name(name); }, &text) == ErrorCode::invalid_argument);
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("segment name: letters, digits, '.', '_' and '-' are allowed, joined by ':' and '@'") {
  for (const char* name : {"a", "ticks", "EUR-USD_1.2", "engine:to:3", "ticks@run17", "9"}) {
    CHECK_NOTHROW(check_segment_name(name));
  }
}

TEST_CASE("segment name: each invalid one is refused by name and reason") { // T16
  CHECK(contains(refusal(""), "name '': it is empty"));
  CHECK(contains(refusal(".hidden"), "name '.hidden': it begins with a dot"));
  CHECK(contains(refusal(".."), "begins with a dot"));
  CHECK(contains(refusal("a/b"), "it contains '/'"));
  CHECK(contains(refusal("a b"), "it contains ' '"));
  CHECK(contains(refusal("a+b"), "it contains '+'"));
  CHECK(contains(refusal("a{b"), "it contains '{'"));
  CHECK(contains(refusal("a[b"), "it contains '['"));
  CHECK(contains(refusal("a\x7f"), "'a\\x7f': it contains the byte 0x7f"));
  CHECK(contains(refusal(std::string("a\0b", 3)), "it contains the byte 0x00"));
  CHECK(contains(refusal("g\xc3\xbc"), "it contains the byte 0xc3"));
  CHECK(contains(refusal("a::b"), "in its part '': it is empty"));
  CHECK(contains(refusal("a:"), "in its part '': it is empty"));
  CHECK(contains(refusal("a@.b"), "in its part '.b': it begins with a dot"));
  CHECK(contains(refusal(std::string(97, 'x')), "it has 97 bytes"));
  CHECK_NOTHROW(check_segment_name(std::string(limits::segment_name_bytes_max, 'x')));
}

TEST_CASE("segment name: a tag goes behind any name once") {
  CHECK(tagged_name("ticks", "run17") == "ticks@run17");
  CHECK(tagged_name("engine:to:3", "b") == "engine:to:3@b");
  for (const auto& [name, tag] : {std::pair{"ticks@a", "b"}, {"ticks", "a@b"}, {"ticks", ""}, {"", "a"}}) {
    CHECK(error_of([&] { (void)tagged_name(name, tag); }) == ErrorCode::invalid_argument);
  }
  CHECK(error_of([] { (void)tagged_name(std::string(90, 'x'), "1234567"); }) == ErrorCode::invalid_argument);
}

TEST_CASE("engine names: no two rings of any engines, tags and runners have one name") { // T16
  std::set<std::string> names;
  std::size_t made = 0;
  for (const char* engine : {"e", "e.to", "e-1", "to", "all"}) {
    for (const char* tag : {"", "a", "e"}) {
      const EngineNames rings(engine, tag);
      for (const auto& name : {rings.broadcast(), rings.gather()}) {
        names.insert(name);
        ++made;
      }
      for (std::uint32_t runner = 0; runner < 12; ++runner) {
        names.insert(rings.to_runner(runner));
        names.insert(rings.from_runner(runner));
        made += 2;
      }
    }
  }
  CHECK(names.size() == made);
  for (const auto& name : names) {
    CHECK_NOTHROW(check_segment_name(name));
  }
}

TEST_CASE("engine names: a runner is a member of its rings under the same id for good") {
  CHECK(EngineNames::runner_id(3) == "runner-3");
  CHECK(EngineNames::runner_id(3) != EngineNames::runner_id(4));
}

TEST_CASE("engine names: an engine that is too long for its runners' rings is refused at once") {
  CHECK_NOTHROW(EngineNames(std::string(70, 'e'), "t"));
  CHECK(error_of([] { (void)EngineNames(std::string(90, 'e')); }) == ErrorCode::invalid_argument);
  CHECK(error_of([] { (void)EngineNames("a:b"); }) == ErrorCode::invalid_argument);
}

TEST_CASE("place: says where the parts of a ring lie, and a file name says what it is") {
  const auto shm = Place::shm("ticks@a");
  CHECK(shm.path() == "/dev/shm/ringfleet.ticks@a");
  CHECK(shm.path("members") == "/dev/shm/ringfleet.ticks@a+members");
  CHECK(shm.directory() == "/dev/shm");
  CHECK(shm.text() == "shm ring 'ticks@a'");
  CHECK(Place::file("ticks").directory() == ".");
  CHECK(Place::file("/ticks").directory() == "/");
  CHECK(error_of([] { (void)Place::file("/data/"); }) == ErrorCode::invalid_argument);
  CHECK(error_of([] { (void)Place::shm("a/b"); }) == ErrorCode::invalid_argument);

  const auto parse = [](const char* name) { return parse_file_name(Backing::shm, name); };
  CHECK(parse("ringfleet.ticks@a")->part == "");
  CHECK(parse("ringfleet.ticks@a+members")->name == "ticks@a");
  CHECK(parse("ringfleet.ticks+12-0.new")->unfinished);
  CHECK(parse("ringfleet.ticks+12-0.new")->part == "");
  CHECK(parse("ringfleet.ticks+arena+12-0.new")->part == "arena");
  CHECK_FALSE(parse("ringfleet.ticks.new")->unfinished);
  for (const char* foreign : {"ticks", "ringfleet.", "ringfleet..a", "ringfleet.a+b", "ringfleet.a+x.new",
                              "ringfleet.a+members+b.new", "sem.x"}) {
    CHECK_FALSE(parse(foreign));
  }
  CHECK(parse_file_name(Backing::file, "ticks+lock")->part == "lock");
}
