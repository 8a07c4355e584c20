/* Takes SIGUSR1 wherever it comes, and lets it interrupt system calls. `echo` answers with its arguments, `signals` how
 * many have come. */

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#include <ringfleet/module.h>

static atomic_ulong signals;

static void count(int number) {
  (void)number;
  atomic_fetch_add_explicit(&signals, 1, memory_order_relaxed);
}

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)services, (void)config, (void)bytes;
  *state = 0;
  struct sigaction action = {.sa_handler = count}; /* no SA_RESTART */
  return sigaction(SIGUSR1, &action, 0) == 0 ? RINGFLEET_OK : RINGFLEET_ERROR;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  if (method == 0) {
    return reply->write(reply, args, bytes);
  }
  char text[24];
  const unsigned long came = atomic_load_explicit(&signals, memory_order_relaxed);
  return reply->write(reply, text, (uint64_t)snprintf(text, sizeof text, "%lu", came));
}

static const ringfleet_method methods[] = {{"echo", 0, 0, 0}, {"signals", 0, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "signal_counter",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
    .method_bytes = sizeof(ringfleet_method),
    .init = init,
    .call = call,
};
