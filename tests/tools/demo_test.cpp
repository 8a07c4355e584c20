// `ringfleet demo`, whole: F6, F7, F10, F43. A small directory, a short time, everything else as always.

#include "cli.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <random>
#include <string>

using namespace ringfleet::tests;

namespace {

// Compressible and random files around every border: inline, arena, several chunks.
void fill(const ScratchDirectory& scratch) {
  std::mt19937 random(7);
  int number = 0;
  for (const std::size_t bytes : {1UL, 100UL, 5'000UL, 8'192UL, 8'193UL, 60'000UL, 262'144UL, 262'145UL, 1'500'000UL}) {
    std::string noise(bytes, '\0');
    std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
    scratch.write("files/noise/" + std::to_string(number), noise);
    std::string words;
    while (words.size() < bytes) {
      words += "#include <" + std::to_string(random() % 100) + ".h>\n";
    }
    scratch.write("files/words/" + std::to_string(number++), words);
  }
  scratch.write("files/empty", "");
  std::filesystem::create_symlink("noise", scratch.path("files/link"));
}

} // namespace

TEST_CASE("demo: work is verified through a crash and a reload under load (--json)") {
  const Cli cli("demo-json");
  fill(cli.scratch());
  const auto result = cli({"demo", cli.scratch().path("files"), "--json", "--seconds", "1.5", "--runners", "2"});
  CAPTURE(result.out);
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  const auto json = nlohmann::ordered_json::parse(result.out);
  std::string keys;
  for (const auto& [key, value] : json.items()) {
    keys += key + " ";
  }
  CHECK(keys == "files bytes_in bytes_out ratio calls retried failed lost verified crashes reloads calls_by_version "
                "call_p50_ns call_p99_ns call_p99_9_ns call_max_ns detect_us serving_us reload_us ");
  CHECK(json["verified"] == true);
  CHECK(json["lost"] == 0);
  CHECK(json["failed"] == 0);
  CHECK(json["crashes"] == 1);
  CHECK(json["reloads"] == 1);
  CHECK(json["files"] >= 18);
  CHECK(json["calls_by_version"]["1.0.0"] > 0);
  CHECK(json["calls_by_version"]["2.0.0"] > 0);
  CHECK(json["calls_by_version"]["1.0.0"].get<int>() + json["calls_by_version"]["2.0.0"].get<int>() == json["calls"]);
  CHECK(json["serving_us"] >= json["detect_us"]);
  CHECK(json["reload_us"] > 0);
  CHECK(result.err.find("skipped 1 (link): ") != std::string::npos);
  CHECK(result.err.find("skipped 1 (empty file): ") != std::string::npos);
}

TEST_CASE("demo: for people it prints plain lines and one table (one runner, so that the crash takes all there is)") {
  const Cli cli("demo-text");
  fill(cli.scratch());
  const auto result = cli({"demo", cli.scratch().path("files"), "--seconds", "1.5", "--runners", "1"});
  CAPTURE(result.out);
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out.find('\x1b') == std::string::npos);
  CHECK(result.out.find("SIGKILL to runner zstd/") != std::string::npos);
  CHECK(result.out.find("reloaded, version 1.0.0 to 2.0.0") != std::string::npos);
  CHECK(result.out.find("\nverified ") != std::string::npos);
  CHECK(result.out.find("\ncrash to detected ") != std::string::npos);
}
