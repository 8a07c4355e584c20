// What the CLI prints, without a fleet.

#include "exit_code.hpp"
#include "output.hpp"
#include "status_text.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

using namespace ringfleet;
using namespace ringfleet::cli;

TEST_CASE("table: columns are as wide as their widest cell, numbers to the right, no blanks at the end") {
  Table table({{"NAME"}, {"COUNT", Table::Align::right}, {"NOTE"}});
  table.add({"a", "7", "short"});
  table.add({"longer", "1,234", ""});
  table.add({"µs", "12", "x"});
  CHECK(table.text(false, "  ") == "  NAME    COUNT  NOTE\n"
                                   "  a           7  short\n"
                                   "  longer  1,234\n"
                                   "  µs         12  x\n");
}

TEST_CASE("table: colours do not move columns, and a table without titles has no title row") {
  Table table({{""}, {""}});
  table.add({{"Ready", Style::good}, "x"});
  table.add({"Failed!", "y"});
  CHECK(table.text(true) == "\x1b[32mReady\x1b[0m    x\nFailed!  y\n");
  CHECK(table.text(false) == "Ready    x\nFailed!  y\n");
}

TEST_CASE("numbers: thousands are grouped from the right") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(12'345'678) == "12,345,678");
}

TEST_CASE("text: control characters are shown, not obeyed") {
  CHECK(one_line("a\nb\x1b[31m\tc\x7f") == "a\\nb\\x1b[31m\\tc\\x7f");
  CHECK(one_line("größer") == "größer");
}

TEST_CASE("text: only what JSON can carry counts as text") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("é € 𝄞"));
  for (const char* broken : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xe2\x82"}) {
    CAPTURE(one_line(broken));
    CHECK_FALSE(is_utf8(broken));
  }
}

TEST_CASE("base64: as RFC 4648 says") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64(std::string("\xff\xfe\x00", 3)) == "//4A");
}

TEST_CASE("exit codes: every outcome of a call has one, success alone is 0, each is described once") {
  for (std::uint32_t i = 0; i < call_status_count; ++i) {
    const auto status = static_cast<CallStatus>(i);
    CAPTURE(to_string(status));
    CHECK((exit_code_of(status) == ExitCode::ok) == (status == CallStatus::ok));
  }
  CHECK(exit_code_of(CallStatus::deadline_exceeded) == ExitCode::timed_out);
  CHECK(exit_code_of(CallStatus::unknown_method) == ExitCode::unknown);
  CHECK(exit_code_of(CallStatus::runner_lost) == ExitCode::runner_died);
  CHECK(exit_code_of(ErrorCode::bad_topology) == ExitCode::usage);
  CHECK(exit_code_of(ErrorCode::version_mismatch) == ExitCode::other_version);
  std::set<ExitCode> described;
  for (const auto& [code, text] : exit_code_texts) {
    CHECK(described.insert(code).second);
    CHECK_FALSE(text.empty());
  }
  CHECK(described.size() == 10);
}

TEST_CASE("status: modules, runners and the last error are one aligned page") {
  FleetStatus status;
  status.name = "demo";
  status.directory = "/run/ringfleet/demo";
  status.scheduler_pid = 42;
  status.version = "1.2.3";
  status.uptime_ns = 1'500'000'000;
  ModuleStatus module;
  module.id = "echo";
  module.state = "Ready";
  module.path = "/m/echo.so";
  module.version = "1.0.0";
  module.sha256 = "0123456789abcdef0123456789abcdef";
  module.instances = 2;
  module.restarts = 1;
  module.last_error = "runner 1 died:\nkilled by SIGKILL (9)";
  module.runners = {{7, 100, "ready", "1.0.0", 1, 2'000'000'000}, {9, 1234, "starting", "", 0, 5'000}};
  status.modules.push_back(module);
  CHECK(status_text(status, false) ==
        "fleet demo, scheduler pid 42, version 1.2.3, up 1.5s, clients 0\n"
        "/run/ringfleet/demo\n"
        "\n"
        "MODULE  STATE  VERSION  READY  RESTARTS  RELOADS  FAILED  SHA-256       PATH\n"
        "echo    Ready  1.0.0      1/2         1        0       0  0123456789ab  /m/echo.so\n"
        "\n"
        "RUNNER OF  SERIAL   PID  STATE     VERSION  CLIENTS  UPTIME\n"
        "echo            7   100  ready     1.0.0          1      2s\n"
        "echo            9  1234  starting  -              0     5us\n"
        "\n"
        "last error of echo: runner 1 died:\\nkilled by SIGKILL (9)\n");
}

TEST_CASE("show: a module of ABI level 1 says why it lists no methods") {
  ModuleInfo module;
  module.id = "old";
  module.abi_level = 1;
  const auto text = module_text(module, false);
  CHECK(text.find("abi level     1\n") != std::string::npos);
  CHECK(text.find("methods are not listed by a module of ABI level 1") != std::string::npos);
  CHECK(text.find("no runner is alive") != std::string::npos);
}
