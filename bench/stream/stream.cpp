#include "stream/stream.hpp"

#include "ringfleet/base/error.hpp"

#include <utility>

#include <fmt/format.h>

namespace ringfleet::bench {

OtherSide::OtherSide(Beside beside, int core, std::function<void()> body) {
  if (beside == Beside::process) {
    process_.emplace(core, body);
    return;
  }
  thread_ = std::thread([this, core, body = std::move(body)] {
    try {
      pin_to(core);
      body();
    } catch (...) {
      failure_ = std::current_exception();
      Atomics::store_release(failed_, std::uint32_t{1});
    }
  });
}

OtherSide::~OtherSide() {
  if (thread_.joinable()) {
    thread_.detach();
  }
}

void OtherSide::join() {
  if (process_) {
    process_->join();
    return;
  }
  thread_.join();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void OtherSide::expect_alive() {
  if (process_) {
    process_->expect_alive();
  } else if (Atomics::load_acquire(failed_) != 0) {
    join();
  }
}

void expect_more(const StreamEnd& end, OtherSide& source, std::uint64_t taken) {
  const std::uint64_t sent = Atomics::load_acquire(end.sent);
  if (sent == 0) {
    source.expect_alive();
  } else if (taken != sent) {
    throw Error(ErrorCode::bad_message, fmt::format("of {} messages only {} have come", sent, taken));
  }
}

} // namespace ringfleet::bench
