#include "report.hpp"

#include "../output.hpp"

#include "ringfleet/base/units.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::cli::demo {
namespace {

double ratio_of(const Tally& tally) {
  return tally.bytes_out == 0 ? 0 : static_cast<double>(tally.bytes_in) / static_cast<double>(tally.bytes_out);
}

std::string versions_text(const Tally& tally) {
  std::string text;
  for (const auto& [version, calls] : tally.by_version) {
    text += fmt::format("{}{} by {}", text.empty() ? "" : ", ", grouped(calls), one_line(version));
  }
  return text;
}

// A time that was never reached is not 0.
std::string time_or_dash(std::uint64_t ns) {
  return ns == 0 ? "-" : duration_text(ns);
}

std::uint64_t microseconds(std::uint64_t ns) {
  return (ns + 500) / 1'000;
}

} // namespace

std::string report_text(const Outcome& outcome, bool colours) {
  const auto& tally = outcome.tally;
  const auto zero_is_good = [](std::uint64_t number) {
    return Table::Cell(grouped(number), number == 0 ? Style::good : Style::bad);
  };
  Table table({{""}, {"", Table::Align::right}, {""}});
  table.add({"files", grouped(tally.files),
             fmt::format("of {} there are, {:.2f} passes", grouped(outcome.files_total),
                         static_cast<double>(tally.files) / static_cast<double>(outcome.files_total))});
  table.add({"bytes", format_bytes(tally.bytes_in),
             fmt::format("to {}, in {}", format_bytes(tally.bytes_out), duration_text(outcome.elapsed_ns))});
  table.add({"ratio", fmt::format("{:.2f}", ratio_of(tally))});
  table.add({"calls", grouped(tally.accepted), versions_text(tally)});
  table.add({"retried", grouped(tally.retried), "moved to another runner by the fleet"});
  table.add({"failed", zero_is_good(tally.failed)});
  table.add({"lost", zero_is_good(tally.lost())});
  table.add({"verified", outcome.verified() ? Table::Cell("yes", Style::good) : Table::Cell("NO", Style::bad),
             outcome.verified() ? "every answer, decompressed and compared with its file" : ""});
  table.add({"crashes", grouped(outcome.crashes)});
  table.add({"crash to detected", time_or_dash(outcome.detect_ns)});
  table.add({"crash to serving", time_or_dash(outcome.serving_ns), "the replacement's first answer"});
  table.add({"reload", time_or_dash(outcome.reload_ns), "until the old runners were gone"});
  table.add({"call p50", duration_text(tally.latency.quantile(0.5)), "with its wait behind the other calls in flight"});
  table.add({"call p99", duration_text(tally.latency.quantile(0.99))});
  table.add({"call p99.9", duration_text(tally.latency.quantile(0.999))});
  table.add({"call max", duration_text(tally.latency.max())});
  return table.text(colours);
}

std::string report_json(const Outcome& outcome) {
  const auto& tally = outcome.tally;
  auto by_version = nlohmann::ordered_json::object();
  for (const auto& [version, calls] : tally.by_version) {
    by_version[version] = calls;
  }
  const nlohmann::ordered_json json{{"files", tally.files},
                                    {"bytes_in", tally.bytes_in},
                                    {"bytes_out", tally.bytes_out},
                                    {"ratio", std::round(ratio_of(tally) * 1000) / 1000},
                                    {"calls", tally.accepted},
                                    {"retried", tally.retried},
                                    {"failed", tally.failed},
                                    {"lost", tally.lost()},
                                    {"verified", outcome.verified()},
                                    {"crashes", outcome.crashes},
                                    {"reloads", outcome.reloads},
                                    {"calls_by_version", by_version},
                                    {"call_p50_ns", tally.latency.quantile(0.5)},
                                    {"call_p99_ns", tally.latency.quantile(0.99)},
                                    {"call_p99_9_ns", tally.latency.quantile(0.999)},
                                    {"call_max_ns", tally.latency.max()},
                                    {"detect_us", microseconds(outcome.detect_ns)},
                                    {"serving_us", microseconds(outcome.serving_ns)},
                                    {"reload_us", microseconds(outcome.reload_ns)}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

} // namespace ringfleet::cli::demo
