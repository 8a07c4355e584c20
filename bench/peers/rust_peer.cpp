// A transport that is published as a crate, measured by the program `rust_peers` (bench/peers/rust), a row at a time:
// it makes its own two processes, on the cores of the slice.

#include "peers/peers.hpp"

#include "peers/missing.hpp"

#include "ringfleet/base/error.hpp"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace ringfleet::bench {
namespace {

constexpr const char* program = RINGFLEET_BENCH_RUST_PEERS; // empty without cargo

struct ClosePipe {
  void operator()(std::FILE* pipe) const noexcept { pclose(pipe); }
};

std::string output_of(const std::string& command) {
  std::unique_ptr<std::FILE, ClosePipe> pipe(popen(command.c_str(), "r"));
  std::string output;
  std::array<char, 4096> buffer;
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
    output += buffer.data();
  }
  if (!pipe || pclose(pipe.release()) != 0) {
    throw Error(ErrorCode::peer_died, fmt::format("'{}' failed", command), "run it by hand");
  }
  return output;
}

// The last line; the crates print lines of their own before it.
Sample sample_from(const std::string& output) {
  const auto line = output.rfind("\n{");
  const auto json = nlohmann::json::parse(line == std::string::npos ? output : output.substr(line + 1));
  Sample sample;
  sample.ops_per_s = json.at("ops_per_s");
  for (const auto& [ns, count] : json.at("latency").get<std::vector<std::pair<double, std::uint64_t>>>()) {
    sample.latency.record_ns(ns, count);
  }
  return sample;
}

} // namespace

Row peer_crate(std::string name, CrateRow row) {
  Parameters parameters{{"bytes", std::to_string(row.bytes)}};
  if (row.batch != 1) {
    parameters.emplace_back("batch", std::to_string(row.batch));
  }
  if (access(program, X_OK) != 0) {
    return missing_row(std::move(name), std::move(parameters),
                       *program == '\0' ? "configured without cargo" : "not built (ninja -C build rust_peers)");
  }
  return {.name = std::move(name), .parameters = std::move(parameters), .measure = [row](const Slice& slice) {
            return sample_from(
                output_of(fmt::format("'{}' {} {} {} {} {:.4f} {} {}", program, row.kind, row.transport, row.bytes,
                                      row.batch, slice.seconds, slice.client_core, slice.server_core)));
          }};
}

} // namespace ringfleet::bench
