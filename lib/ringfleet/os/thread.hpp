#pragma once

// Starts threads. The standard library reports what the kernel refuses with an exception of its own; here it is an
// Error that says what the thread was for.

#include <functional>
#include <string_view>
#include <thread>

namespace ringfleet::os {

// `purpose` is for the error text: "watch descriptors". Throws Error(limit_reached) when the kernel gives no thread: no
// memory for its stack, or no room under the limit on processes.
[[nodiscard]] std::thread start_thread(std::string_view purpose, std::function<void()> run);

} // namespace ringfleet::os
