#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/module_reference.hpp"

#include "scratch_directory.hpp"

#include <cstdlib>

using namespace ringfleet;
using namespace ringfleet::fleet;

namespace {

struct Directories {
  test::ScratchDirectory own;
  test::ScratchDirectory other;
  ModuleSearch search{own.path().string(), {"/nonexistent/modules", other.path().string()}};

  [[nodiscard]] std::string resolve(std::string_view reference) const {
    return resolve_module_reference(reference, search);
  }
};

} // namespace

TEST_CASE("module_reference: a name is looked for in the own directory first, then along the search path") { // F1
  const Directories at;
  test::write_file(at.own.file("echo.so"), "");
  test::write_file(at.other.file("echo.so"), "");
  test::write_file(at.other.file("zstd.so"), "");
  test::write_file(at.other.file("zstd.so.3"), "");
  test::write_file(at.other.file("only.so.2"), "");
  test::write_file(at.other.file("only.so.10"), "");
  test::write_file(at.other.file("only.so.bak"), "");
  test::write_file(at.other.file("only.so.99999999999999999999"), "");
  CHECK(at.resolve("echo") == at.own.file("echo.so"));
  CHECK(at.resolve("echo.so") == at.own.file("echo.so"));
  CHECK(at.resolve("zstd") == at.other.file("zstd.so"));
  CHECK(at.resolve("zstd.so.3") == at.other.file("zstd.so.3"));
  CHECK(at.resolve("only") == at.other.file("only.so.10"));
}

TEST_CASE("module_reference: anything with a slash is a path and is not searched for") { // F1
  const Directories at;
  std::filesystem::create_directory(at.own.file("sub"));
  test::write_file(at.own.file("sub/echo.so"), "");
  test::write_file(at.other.file("zstd.so"), "");
  CHECK(at.resolve("sub/echo.so") == at.own.file("sub/echo.so"));
  CHECK(at.resolve("./sub/../sub/echo.so") == at.own.file("sub/echo.so"));
  CHECK(at.resolve(at.other.file("zstd.so")) == at.other.file("zstd.so"));
  CHECK_THROWS_AS((void)at.resolve("./zstd.so"), Error);
}

TEST_CASE("module_reference: what is not found is refused with every place where it was looked for") { // F1
  const Directories at;
  try {
    (void)at.resolve("zstd");
    FAIL("found");
  } catch (const Error& error) {
    const std::string text = error.what();
    CAPTURE(text);
    CHECK(error.code() == ErrorCode::not_found);
    for (const std::string& place :
         {at.own.path().string(), std::string("/nonexistent/modules"), at.other.path().string()}) {
      CHECK(text.find("'" + place + "'") != std::string::npos);
    }
    CHECK(text.find("RINGFLEET_MODULE_PATH") != std::string::npos);
  }
  for (const std::string_view reference :
       {std::string_view{}, std::string_view{"a\0b", 3}, std::string_view{"sha256:12345678"}}) {
    try {
      (void)at.resolve(reference);
      FAIL("found");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_argument);
    }
  }
}

TEST_CASE("module_reference: RINGFLEET_MODULE_PATH comes before the installed modules, empty parts are ignored") { // F1
  REQUIRE(::setenv("RINGFLEET_MODULE_PATH", ":/first::/second:", 1) == 0);
  const ModuleSearch search = ModuleSearch::from_environment("here");
  REQUIRE(::unsetenv("RINGFLEET_MODULE_PATH") == 0);
  CHECK(search.directory == "here");
  REQUIRE(search.paths.size() == 3);
  CHECK(search.paths[0] == "/first");
  CHECK(search.paths[1] == "/second");
  CHECK(search.paths[2].ends_with("/ringfleet/modules"));
  CHECK(ModuleSearch::from_environment("").paths.size() == 1);
}
