#include "driver.hpp"

#include "../output.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::cli::demo {
namespace {

// A chunk whose calls fail this often will not get through.
constexpr unsigned attempts_max = 20;

} // namespace

Driver::Driver(Methods methods, const Corpus& corpus, Ledger& ledger, std::size_t window)
    : methods_(methods), ledger_(ledger), window_max_(window), reader_(corpus, ledger, tally_) {}

void Driver::run() {
  for (;;) {
    fill();
    if (window_.empty()) {
      return;
    }
    const auto is_ready = [](const WorkPointer& work) { return work->call.ready(); };
    // With nothing ready, the oldest call is waited for.
    const bool any_ready = std::ranges::any_of(window_, is_ready);
    std::erase_if(window_, [&, first = true](WorkPointer& work) mutable {
      const bool oldest = std::exchange(first, false);
      return (any_ready ? is_ready(work) : oldest) && advance(*work);
    });
  }
}

void Driver::fill() {
  while (!ledger_.stopping() && window_.size() < window_max_) {
    auto chunk = reader_.next();
    if (!chunk) {
      ledger_.fail("no file of the directory can be read any more (leave the files alone while the demo runs)");
      break;
    }
    auto work = std::make_unique<Work>();
    work->chunk = std::move(*chunk);
    start(*work);
    window_.push_back(std::move(work));
  }
  if (ledger_.stopping()) {
    reader_.stop();
  }
}

void Driver::start(Work& work) {
  work.started_at = monotonic_now();
  work.call =
      work.compressed.empty() ? methods_.compress.start(work.chunk.bytes) : methods_.decompress.start(work.compressed);
  ++tally_.accepted;
}

bool Driver::advance(Work& work) {
  const Reply reply = work.call.get();
  const auto now = monotonic_now();
  tally_.retried += reply.retries();
  if (!reply.ok()) {
    ++tally_.failed;
    if (tally_.first_failed.empty()) {
      tally_.first_failed = reply.error();
    }
    return failed(work, reply);
  }
  ++tally_.answered;
  tally_.latency.record(now - work.started_at);
  ledger_.answered_by(reply.runner(), now);
  const auto known = tally_.by_version.find(reply.version());
  if (known != tally_.by_version.end()) {
    ++known->second;
  } else {
    tally_.by_version.emplace(reply.version(), 1);
  }
  return answered(work, reply);
}

bool Driver::answered(Work& work, const Reply& reply) {
  work.attempts = 0;
  if (!work.compressed.empty()) {
    verify(work, reply);
    return true;
  }
  work.compressed = reply.copy();
  if (work.compressed.empty()) {
    ledger_.fail(fmt::format("compressing a part of '{}' gave an empty answer", one_line(work.chunk.file->path)));
    return true;
  }
  start(work);
  return false;
}

bool Driver::failed(Work& work, const Reply& reply) {
  const bool final = reply.status() == CallStatus::module_error || reply.status() == CallStatus::module_exception ||
                     reply.status() == CallStatus::unknown_method || ++work.attempts == attempts_max;
  if (final) {
    ledger_.fail(fmt::format("'{}': {}", one_line(work.chunk.file->path), reply.error()));
    return true;
  }
  start(work);
  return false;
}

void Driver::verify(Work& work, const Reply& reply) {
  auto& file = *work.chunk.file;
  --file.open_chunks;
  if (!std::ranges::equal(reply.bytes(), work.chunk.bytes)) {
    ++tally_.mismatched;
    file.bad = true;
    ledger_.fail(fmt::format("'{}' came back different from what was sent", one_line(file.path)));
    return;
  }
  ++file.good_chunks;
  tally_.bytes_in += work.chunk.bytes.size();
  tally_.bytes_out += work.compressed.size();
  ledger_.bytes_in += work.chunk.bytes.size();
  if (file.complete()) {
    ++tally_.files;
    ++ledger_.files;
  }
}

} // namespace ringfleet::cli::demo
