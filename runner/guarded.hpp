#pragma once

// The border between the runner and a module: whatever a hook throws ends here and becomes a status.

#include "module_host.hpp"

#include <cstring>
#include <exception>
#include <span>

#include <cxxabi.h>

namespace ringfleet::runner {

inline void replace_reply(ReplyWriter& reply, const char* text) {
  if (reply.set_length(0)) {
    reply.write(std::as_bytes(std::span(text, std::strlen(text))));
  }
}

// A hook that may return RINGFLEET_EXCEPTION: its own border (module.hpp) has stopped an exception and written the
// text.
template <typename Hook>
Outcome guarded_call(ReplyWriter& reply, Hook&& hook) {
  Outcome outcome;
  try {
    const int code = hook();
    outcome.status = code == RINGFLEET_OK          ? CallStatus::ok
                     : code == RINGFLEET_EXCEPTION ? CallStatus::module_exception
                                                   : CallStatus::module_error;
    outcome.module_code = code;
  } catch (const abi::__forced_unwind&) {
    throw; // pthread_exit or cancellation by the module: must not be swallowed, ends the process
  } catch (const std::exception& error) {
    outcome = {CallStatus::module_exception, RINGFLEET_EXCEPTION};
    replace_reply(reply, error.what());
  } catch (...) {
    outcome = {CallStatus::module_exception, RINGFLEET_EXCEPTION};
    replace_reply(reply, "an exception that is not a std::exception");
  }
  return reply.failure() == CallStatus::ok ? outcome : Outcome{reply.failure(), 0};
}

template <typename Hook>
int guarded_hook(Hook&& hook) {
  try {
    return hook();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return RINGFLEET_EXCEPTION;
  }
}

// Runs init. Throws LoadError.
template <typename Hook>
void expect_init(Hook&& hook) {
  int code = RINGFLEET_OK;
  try {
    code = hook();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    throw LoadError(call::LoadFailure::init_exception, std::string("init threw: ") + error.what(), RINGFLEET_EXCEPTION);
  } catch (...) {
    throw LoadError(call::LoadFailure::init_exception, "init threw something that is not a std::exception",
                    RINGFLEET_EXCEPTION);
  }
  if (code == RINGFLEET_EXCEPTION) {
    throw LoadError(call::LoadFailure::init_exception, "init threw; the module has logged the reason", code);
  }
  if (code != RINGFLEET_OK) {
    throw LoadError(call::LoadFailure::init_failed, "init returned " + std::to_string(code), code);
  }
}

} // namespace ringfleet::runner
