#include "forked_child.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/runtime_directory.hpp"
#include "scratch_directory.hpp"

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::os;
using test::error_of;

namespace {

// Sets a variable (or removes it) until the end of the scope.
class Variable {
public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) {
      before_ = before;
      had_value_ = true;
    }
    value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { had_value_ ? ::setenv(name_, before_.c_str(), 1) : ::unsetenv(name_); }

private:
  const char* name_;
  std::string before_;
  bool had_value_ = false;
};

} // namespace

TEST_CASE("runtime directory: the base is chosen by the environment, then by the user") {
  const Variable own("RINGFLEET_DIR", "/chosen");
  const Variable session("XDG_RUNTIME_DIR", "/run/user/7");
  CHECK(runtime_base_path() == "/chosen");
  CHECK(fleet_directory_path("demo") == "/chosen/demo");
  {
    const Variable none("RINGFLEET_DIR", nullptr);
    CHECK(runtime_base_path() == "/run/user/7/ringfleet");
    const Variable no_session("XDG_RUNTIME_DIR", nullptr);
    CHECK(runtime_base_path() ==
          (::geteuid() == 0 ? "/run/ringfleet" : "/tmp/ringfleet-" + std::to_string(::geteuid())));
  }
}

TEST_CASE("runtime directory: every invalid name is refused with its reason") {
  const auto reason_of = [](const std::string& name) {
    std::string text;
    CHECK(error_of([&] { check_name("fleet", name); }, &text) == ErrorCode::invalid_argument);
    return text;
  };
  CHECK(reason_of("").find("it is empty") != std::string::npos);
  CHECK(reason_of("..").find("begins with a dot") != std::string::npos);
  CHECK(reason_of("a/b").find("contains '/'") != std::string::npos);
  CHECK(reason_of("a\nb").find("0x0a") != std::string::npos);
  CHECK(reason_of(std::string(limits::name_bytes_max + 1, 'a')).find("64 bytes") != std::string::npos);
  check_name("fleet", std::string(limits::name_bytes_max, 'a'));
  check_name("fleet", "My-fleet_2.0");
}

TEST_CASE("runtime directory: fleets are created private, listed, and removed without following links") {
  test::ScratchDirectory directory;
  const auto base = directory / "base";
  const Variable own("RINGFLEET_DIR", base.c_str());
  CHECK(list_fleets().empty());
  const auto path = create_fleet_directory("two");
  CHECK(path == base + "/two");
  create_fleet_directory("one");
  create_fleet_directory("one"); // again is fine
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(list_fleets() == std::vector<std::string>{"one", "two"});

  (void)create_file(directory / "precious", 1);
  REQUIRE(::symlink(directory.path().c_str(), (path + "/link").c_str()) == 0);
  remove_tree(path);
  remove_tree(path);
  CHECK(::access((directory / "precious").c_str(), F_OK) == 0);
  CHECK(list_fleets() == std::vector<std::string>{"one"});
}

TEST_CASE("runtime directory: what somebody else prepared is refused with its reason") {
  test::ScratchDirectory directory;
  const auto reason_of = [&](const std::string& name) {
    std::string text;
    CHECK(error_of([&] { create_private_directory(directory / name); }, &text) == ErrorCode::no_permission);
    return text;
  };
  REQUIRE(::symlink("/tmp", (directory / "link").c_str()) == 0);
  CHECK(reason_of("link").find("symbolic link") != std::string::npos);
  (void)create_file(directory / "file", 1);
  CHECK(reason_of("file").find("not a directory") != std::string::npos);
  REQUIRE(::mkdir((directory / "open").c_str(), 0700) == 0);
  ::chmod((directory / "open").c_str(), 0755);
  CHECK(reason_of("open").find("0755") != std::string::npos);
  if (::geteuid() == 0) {
    REQUIRE(::mkdir((directory / "foreign").c_str(), 0700) == 0);
    REQUIRE(::chown((directory / "foreign").c_str(), 65'534, 65'534) == 0);
    CHECK(reason_of("foreign").find("belongs to uid 65534") != std::string::npos);
  } else {
    MESSAGE("SKIPPED: only root can make a directory of another user");
  }
}
