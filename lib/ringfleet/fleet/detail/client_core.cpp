// The calling threads' half of ClientCore: resolve a method, call it, wait for the reply, move the call when its runner
// is lost.

#include "ringfleet/fleet/detail/client_core.hpp"

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/method_id.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

// The numbers are those of module.h, the same in both levels of the ABI.
std::string meaning_of(std::int32_t module_code, bool lists_methods) {
  switch (module_code) {
  case -1: return "-1, general failure";
  case -2:
    return lists_methods ? "-2, the arguments are not what the method expects"
                         : "-2, bad arguments, or a method that it does not know (ABI level 1 has no list of methods)";
  case -3: return "-3, an internal error";
  default:
    return fmt::format("{}, one of its own{}", module_code,
                       lists_methods ? "" : "; it may not know the method (ABI level 1 has no list of methods)");
  }
}

} // namespace

ClientCore::ClientCore(memory::Segment route, memory::Segment epochs, Control control)
    : route_segment_(std::move(route)), epoch_segment_(std::move(epochs)),
      epoch_layout_(*reinterpret_cast<EpochLayout*>(epoch_segment_.writable_body().data())),
      route_(*reinterpret_cast<const RouteLayout*>(route_segment_.body().data())), lines_(epoch_layout_),
      control_(std::move(control)) {
  route_segment_.close_descriptor();
  epoch_segment_.close_descriptor();
}

ClientCore::~ClientCore() = default;

// ---- resolving

ModuleView* ClientCore::view(std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = modules_.find(name); found != modules_.end()) {
      return found->second.get();
    }
  }
  const Subscription subscription = control_.subscribe(name);
  const std::lock_guard lock(mutex_);
  auto& module = modules_[std::string(name)];
  if (!module) {
    module = std::make_unique<ModuleView>(std::string(name));
    module->generation.set(subscription.generation);
    module->call_timeout_ns.set(static_cast<std::uint64_t>(subscription.call_timeout.count()));
    module->number.publish(subscription.number);
  }
  return module.get();
}

// The generation `absent` of the module is not in the route: it was unloaded, and perhaps loaded again under another
// number. Another thread may have learned that already: what counts is what the caller looked for, not what is known
// by now.
bool ClientCore::subscribe_again(ModuleView& module, std::uint32_t absent) {
  Subscription subscription;
  try {
    subscription = control_.subscribe(module.name);
  } catch (const Error&) {
    return false;
  }
  if (subscription.generation == absent) {
    return false;
  }
  const std::lock_guard lock(mutex_); // a table is built of both or of none
  module.generation.set(subscription.generation);
  module.number.publish(subscription.number);
  (void)rebuild(module, route_.epoch());
  return true;
}

std::uint32_t ClientCore::method_id(std::string_view name) {
  const std::uint32_t id = call::method_id(name);
  const std::lock_guard lock(mutex_);
  if (const auto found = method_names_.find(id); found == method_names_.end()) {
    method_names_.emplace(id, name);
  }
  return id;
}

std::string ClientCore::method_name(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = method_names_.find(id);
  return found == method_names_.end() ? fmt::format("{:#010x}", id) : found->second;
}

Method ClientCore::method(std::string_view module, std::string_view name) {
  Method method;
  method.core_ = this;
  method.module_ = view(module);
  method.id_ = method_id(name);
  return method;
}

Reply ClientCore::call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                       CallOptions options) {
  try {
    return call(*view(module), method_id(method), args, options);
  } catch (const Error& error) {
    Reply reply;
    reply.status_ = error.code() == ErrorCode::not_found ? CallStatus::unknown_module : CallStatus::no_runner;
    reply.error_ = error.what();
    return reply;
  }
}

PendingCall ClientCore::start(std::string_view module, std::string_view method, std::span<const std::byte> args,
                              CallOptions options) {
  try {
    return start(*view(module), method_id(method), args, options);
  } catch (const Error& error) {
    PendingCall pending;
    pending.core_ = this;
    pending.failure_ = std::make_unique<Reply>();
    pending.failure_->status_ =
        error.code() == ErrorCode::not_found ? CallStatus::unknown_module : CallStatus::no_runner;
    pending.failure_->error_ = error.what();
    return pending;
  }
}

// ---- calling

Reply ClientCore::call(ModuleView& module, std::uint32_t method, std::span<const std::byte> args, CallOptions options) {
  const Nanoseconds timeout =
      options.timeout.value_or(Nanoseconds(static_cast<std::int64_t>(module.call_timeout_ns.peek())));
  const call::RequestFields fields{method, deadline_after(monotonic_now(), timeout), {}};
  const Placement placement = place(module, fields, args, call::Delivery::held, Patience::wait);
  if (placement.lane == nullptr) {
    return not_placed(module, fields, placement.failure);
  }
  return finish(module, placement.lane, placement.position, fields, true, 0, args);
}

PendingCall ClientCore::start(ModuleView& module, std::uint32_t method, std::span<const std::byte> args,
                              CallOptions options) {
  const Nanoseconds timeout =
      options.timeout.value_or(Nanoseconds(static_cast<std::int64_t>(module.call_timeout_ns.peek())));
  const call::RequestFields fields{method, deadline_after(monotonic_now(), timeout), {}};
  const Placement placement = place(module, fields, args, call::Delivery::loose, Patience::wait);
  PendingCall pending;
  pending.core_ = this;
  pending.module_ = &module;
  pending.lane_ = placement.lane;
  pending.position_ = placement.position;
  pending.method_ = method;
  pending.deadline_ = fields.deadline;
  if (placement.lane == nullptr) {
    pending.failure_ = std::make_unique<Reply>(not_placed(module, fields, placement.failure));
  }
  return pending;
}

Reply ClientCore::collect(PendingCall& call) {
  if (call.failure_) {
    return std::move(*call.failure_);
  }
  const call::RequestFields fields{call.method_, call.deadline_, {}};
  return finish(*call.module_, call.lane_, call.position_, fields, false, 0, {});
}

// Waits for the outcome of a call and moves it as often as it takes. `held`: this thread holds the slot; else it is
// loose, and the control thread may have moved it already. `args`: the caller's copy of the payload, if it still has
// it.
Reply ClientCore::finish(ModuleView& module, LaneEntry* entry, std::uint64_t position,
                         const call::RequestFields& fields, bool held, std::uint32_t retries,
                         std::span<const std::byte> args) {
  for (;;) {
    call::Waited waited =
        held ? entry->lane->wait(position, fields.deadline) : entry->lane->collect(position, fields.deadline);
    if (waited.status == call::WaitStatus::taken) {
      follow(entry, position, retries, held);
      continue;
    }
    if (waited.status == call::WaitStatus::replied) {
      Reply reply;
      reply.status_ = waited.reply.status;
      reply.module_code_ = waited.reply.module_code;
      reply.retries_ = retries;
      reply.runner_ = entry->offer.runner;
      reply.version_ = entry->version;
      if (waited.moved) {
        reply.owned_ = std::move(waited.moved_bytes);
        reply.bytes_ = reply.owned_;
      } else {
        reply.bytes_ = waited.reply.bytes;
        reply.lane_ = entry;
        reply.position_ = position;
      }
      if (reply.status_ != CallStatus::ok) {
        reply.error_ = failure(module, fields.method, reply.status_, entry).error_;
        if (reply.status_ == CallStatus::bad_reply) {
          reply.error_ += ": the runner found it in the request of this program (did something write over its memory?)";
        } else if (reply.status_ == CallStatus::module_error) {
          reply.error_ += fmt::format(": {}", meaning_of(reply.module_code_, entry->lists_methods));
        } else if (!reply.bytes_.empty()) {
          reply.error_ += fmt::format(": {}", reply.text()); // the runner's own words
        }
      }
      if (reply.lane_ == nullptr) {
        entry->pending.subtract(1);
      }
      return reply;
    }
    if (waited.status == call::WaitStatus::timed_out || waited.status == call::WaitStatus::bad_reply) {
      const bool timed_out = waited.status == call::WaitStatus::timed_out;
      Reply reply =
          failure(module, fields.method, timed_out ? CallStatus::deadline_exceeded : CallStatus::bad_reply, entry);
      if (!timed_out) {
        reply.error_ +=
            ": the runner wrote it, or its module wrote over the runner's memory; it is ended, and replaced "
            "by another one";
        control_.violation(entry->offer.runner,
                           fmt::format("an impossible reply to call {} of lane {}", position, entry->offer.lane));
      }
      if (waited.moved) {
        entry->pending.subtract(1); // its slot is another call's
      } else {
        entry->abandon(position);
      }
      return reply;
    }
    // The runner closed before the call, or died. What it never started moves on; what it started only if repeating it
    // does no harm.
    const bool executed = waited.status == call::WaitStatus::dead && entry->lane->fate(position) == call::Fate::started;
    if (executed && !may_retry(module, *entry, fields.method)) {
      Reply reply = failure(module, fields.method, CallStatus::runner_lost, entry);
      entry->abandon(position);
      return reply;
    }
    if (entry->lane->is_cancelled(position)) {
      Reply reply = failure(module, fields.method, CallStatus::cancelled, entry);
      entry->abandon(position);
      return reply;
    }
    const auto payload = args.data() != nullptr ? args : entry->lane->request_payload(position);
    const Placement placement = place(module, fields, payload, call::Delivery::held, Patience::wait);
    if (placement.lane == nullptr) {
      Reply reply = not_placed(module, fields, placement.failure);
      entry->abandon(position);
      return reply;
    }
    entry->abandon(position);
    entry = placement.lane;
    position = placement.position;
    held = true;
    ++retries;
  }
}

// A loose call was taken by the control thread: find where it went.
void ClientCore::follow(LaneEntry*& entry, std::uint64_t& position, std::uint32_t& retries, bool& held) {
  const std::lock_guard lock(entry->mutex);
  const auto found = entry->forwards.find(position);
  RINGFLEET_ASSERT(found != entry->forwards.end(), "the control thread leaves a forward for every loose call it takes");
  const LaneEntry::Forward forward = found->second;
  entry->forwards.erase(found);
  if (forward.lane == nullptr) {
    // No lane had room for it yet. The slot is held on our behalf: the wait that follows sees the closed or dead lane
    // and goes on.
    held = true;
    entry->pending.add(1);
  } else {
    entry = forward.lane;
    position = forward.position;
    ++retries;
  }
}

bool ClientCore::may_retry(const ModuleView& module, const LaneEntry& entry, std::uint32_t method) {
  if (!std::ranges::binary_search(entry.idempotent, method)) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  return retry_budget_.admit(module.turn.peek());
}

Reply ClientCore::failure(const ModuleView& module, std::uint32_t method, CallStatus status, const LaneEntry* entry) {
  Reply reply;
  reply.status_ = status;
  std::string where = fmt::format("call {}.{}", module.name, method_name(method));
  if (entry != nullptr) {
    reply.runner_ = entry->offer.runner;
    reply.version_ = entry->version;
    where += fmt::format(" on runner {}", entry->offer.runner);
  }
  reply.error_ = fmt::format("{}: {}", where, text_of(status));
  if (status == CallStatus::runner_lost && entry != nullptr) {
    reply.error_ += fmt::format(" ({})", entry->cause);
  }
  return reply;
}

// ---- small things of Reply and PendingCall

bool ClientCore::ready(const PendingCall& call) const {
  if (call.failure_ || call.lane_ == nullptr) {
    return true;
  }
  const std::lock_guard lock(call.lane_->mutex);
  if (const auto found = call.lane_->forwards.find(call.position_); found != call.lane_->forwards.end()) {
    return found->second.lane != nullptr && found->second.lane->lane->is_ready(found->second.position);
  }
  return call.lane_->lane->is_ready(call.position_);
}

void ClientCore::cancel(PendingCall& call) noexcept {
  if (call.lane_ == nullptr) {
    return;
  }
  const std::lock_guard lock(call.lane_->mutex);
  if (const auto found = call.lane_->forwards.find(call.position_); found != call.lane_->forwards.end()) {
    if (found->second.lane != nullptr) {
      found->second.lane->lane->cancel(found->second.position);
    }
    return;
  }
  call.lane_->lane->cancel(call.position_);
}

void ClientCore::drop(PendingCall& call) noexcept {
  if (call.lane_ == nullptr) {
    return;
  }
  const std::lock_guard lock(call.lane_->mutex);
  const auto found = call.lane_->forwards.find(call.position_);
  if (found == call.lane_->forwards.end()) {
    call.lane_->abandon_loose(call.position_);
  } else if (found->second.lane == nullptr) {
    found->second.dropped = true; // the control thread forgets it
  } else {
    found->second.lane->abandon_loose(found->second.position);
    call.lane_->forwards.erase(found);
  }
}

void ClientCore::shut_down() noexcept {
  shut_down_.publish(1);
  news_.announce();
}

} // namespace ringfleet::fleet
