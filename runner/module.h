/* The module ABI, level 2, in C. A module is a shared object that exports one symbol, `ringfleet_module`: a constant
 * descriptor with its metadata, its methods and its hooks. `ringfleet-runner` loads one module into a process of its
 * own; a crash of the module ends that process and nothing else.
 *
 * Threads: every hook is called on one thread, the runner's worker thread, one hook at a time, never concurrently and
 * never re-entered. A module may start threads of its own; those must not use the services, and must have ended when
 * `shutdown` returns.
 *
 * Order: init once; then call, health, save in any order; then quiesce at most once, shutdown exactly once (only if
 * init returned 0, and not if the process is killed). `restore` comes right after init, before the first call.
 *
 * Memory: what a hook receives (config, args, reply, text) is valid until that hook returns, no longer. `services` is
 * valid from init until shutdown returns. The descriptor and all it points to must be constant and live as long as the
 * module.
 *
 * Versions: `abi_version` is checked first and must be equal. `struct_bytes` is checked next: a descriptor smaller than
 * the first edition of its level is refused by name; a larger one (a module built against a newer header) is accepted,
 * because fields are only ever appended and an appended hook is optional. The services table carries its own
 * `struct_bytes`: test it before using a field that was appended after the first edition.
 *
 * A C++ front with typed methods is in module.hpp. This header depends on the C standard library alone. */

#ifndef RINGFLEET_MODULE_H
#define RINGFLEET_MODULE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGFLEET_ABI_VERSION 2u
#define RINGFLEET_MODULE_SYMBOL "ringfleet_module"

#if defined(__GNUC__)
#define RINGFLEET_EXPORT __attribute__((visibility("default")))
#else
#define RINGFLEET_EXPORT
#endif

/* What a hook returns. A positive value is the module's own code: it reaches the caller unchanged, as does a negative
 * one, beside the status `module_error`. Whatever was written to the reply before is the text of the error. */
enum ringfleet_result {
  RINGFLEET_OK = 0,
  RINGFLEET_ERROR = -1,         /* general failure */
  RINGFLEET_BAD_ARGUMENTS = -2, /* the arguments are not what the method expects */
  RINGFLEET_INTERNAL = -3,      /* the module's own state is not what it expects */
  RINGFLEET_EXCEPTION = -4      /* an exception was stopped at the boundary; the caller sees `module_exception` */
};

/* What `services->call` returns; the same numbers are the status of every call in the fleet. */
enum ringfleet_status {
  RINGFLEET_STATUS_OK = 0,
  RINGFLEET_STATUS_MODULE_ERROR = 1, /* the other module returned non-zero; its code is in *module_code */
  RINGFLEET_STATUS_UNKNOWN_METHOD = 2,
  RINGFLEET_STATUS_UNKNOWN_MODULE = 3,
  RINGFLEET_STATUS_DEADLINE_EXCEEDED = 4,
  RINGFLEET_STATUS_CANCELLED = 5,
  RINGFLEET_STATUS_RUNNER_LOST = 6, /* the call had started when the other runner died */
  RINGFLEET_STATUS_NO_RUNNER = 7,
  RINGFLEET_STATUS_LANE_FULL = 8,
  RINGFLEET_STATUS_NO_SPACE = 9,   /* no arena space for the arguments or the reply; may pass */
  RINGFLEET_STATUS_TOO_LARGE = 10, /* more than 64 MiB */
  RINGFLEET_STATUS_BAD_REPLY = 11,
  RINGFLEET_STATUS_CALL_CYCLE = 12,       /* the module is already in the chain of callers */
  RINGFLEET_STATUS_CALL_TOO_DEEP = 13,    /* the chain is five modules long */
  RINGFLEET_STATUS_MODULE_EXCEPTION = 14, /* the other module threw; the reply is its what() */
  RINGFLEET_STATUS_SHUT_DOWN = 15
};

enum ringfleet_log_level {
  RINGFLEET_LOG_DEBUG = 0,
  RINGFLEET_LOG_INFO = 1,
  RINGFLEET_LOG_WARNING = 2,
  RINGFLEET_LOG_ERROR = 3
};

/* Where a method writes its reply: directly into the memory the caller reads (the slot of the call, or a block of the
 * runner's arena when it does not fit there). Nothing is visible to the caller before the hook has returned.
 *
 * `reserve(reply, bytes)`: room for at least `bytes` bytes, the returned pointer is 16-byte aligned; NULL when there is
 *    none (more than 64 MiB, or the arena stays full for a second). What was written before is kept, moved if need be:
 *    a pointer from an earlier reserve or a write in between is void. Does not change the length.
 * `set_length(reply, bytes)`: the reply is the first `bytes` bytes; RINGFLEET_ERROR if that is more than was reserved.
 * `write(reply, data, bytes)`: appends at the length, reserving as needed; RINGFLEET_ERROR when there is no room.
 * `length(reply)`: the present length, 0 at the start.
 *
 * After a NULL or an error the call ends as `no_space` (or `too_large`), whatever the hook returns. Memory from reserve
 * is not cleared: it may hold bytes of earlier replies of this same module; only [0, length) reaches the caller. */
typedef struct ringfleet_reply ringfleet_reply;
struct ringfleet_reply {
  uint32_t struct_bytes;
  uint32_t reserved;
  void* (*reserve)(ringfleet_reply* reply, uint64_t bytes);
  int (*set_length)(ringfleet_reply* reply, uint64_t bytes);
  int (*write)(ringfleet_reply* reply, const void* data, uint64_t bytes);
  uint64_t (*length)(const ringfleet_reply* reply);
};

/* What the runner offers to the module. Pass `context` as the first argument. Worker thread only, except `log` and
 * `now_ns`, which any thread may use while the module is between init and shutdown.
 *
 * `log(context, level, text, bytes)`: one line, UTF-8, no newline needed; longer than 4096 bytes is cut. Never fails;
 *    waits at most as long as the scheduler takes to empty a full socket buffer.
 * `now_ns(context)`: CLOCK_MONOTONIC in nanoseconds, the clock of all deadlines.
 * `deadline_ns(context)`: when the caller of the current call stops waiting; UINT64_MAX: never, or no call is running.
 * `cancelled(context)`: 1 once the caller has cancelled the current call or its deadline has passed; a long method
 *    looks now and then and returns early. No system call.
 *
 * `call(context, module, method, args, bytes, timeout_ns, on_reply, user, module_code)`: calls another module of the
 *    fleet and waits for the answer, at most `timeout_ns` and never beyond the current deadline. Only inside `call`.
 *    Returns a ringfleet_status. `on_reply(user, data, bytes)` runs before it returns, on the same thread, for a status
 *    that carries bytes (ok, module_error, module_exception); the bytes are valid inside it only. `on_reply` and
 *    `module_code` may be NULL. Chains of more than five modules and chains that come back to a module are refused. If
 *    the other runner dies: runner_lost when the call had started, else it is sent to another runner. */
typedef struct ringfleet_services {
  uint32_t abi_version; /* RINGFLEET_ABI_VERSION of the runner */
  uint32_t struct_bytes;
  void* context;
  void (*log)(void* context, int level, const char* text, uint64_t bytes);
  uint64_t (*now_ns)(void* context);
  uint64_t (*deadline_ns)(void* context);
  int (*cancelled)(void* context);
  int (*call)(void* context, const char* module, const char* method, const void* args, uint64_t bytes,
              uint64_t timeout_ns, void (*on_reply)(void* user, const void* data, uint64_t bytes), void* user,
              int32_t* module_code);
} ringfleet_services;

/* ringfleet_method.flags */
#define RINGFLEET_IDEMPOTENT 1u /* calling twice does no harm: a call whose runner died half-way may be repeated */

typedef struct ringfleet_method {
  const char* name;        /* 1 to 63 bytes, unique within the module */
  uint32_t id;             /* 0: FNV-1a-32 of the name; unique within the module */
  uint32_t flags;          /* 0 or RINGFLEET_IDEMPOTENT */
  const char* description; /* one line, or NULL */
} ringfleet_method;

/* ringfleet_dependency.flags */
#define RINGFLEET_OPTIONAL 1u

typedef struct ringfleet_dependency {
  const char* id;          /* the module it needs */
  const char* version_min; /* "1.2.3", or NULL: any */
  uint32_t flags;          /* 0 or RINGFLEET_OPTIONAL */
  uint32_t reserved;       /* 0 */
} ringfleet_dependency;

typedef struct ringfleet_module_v2 {
  uint32_t abi_version;  /* RINGFLEET_ABI_VERSION */
  uint32_t struct_bytes; /* sizeof(ringfleet_module_v2) */

  const char* id;          /* 1 to 63 bytes: letters, digits, '_', '-', '.' */
  const char* name;        /* for people, or NULL: the id */
  const char* version;     /* "1.2.3" */
  const char* kind;        /* free text such as "codec", or NULL */
  const char* description; /* one line, or NULL */

  const ringfleet_method* methods;
  uint32_t method_count; /* at most 1024 */
  uint32_t method_bytes; /* sizeof(ringfleet_method) */
  const ringfleet_dependency* dependencies;
  uint32_t dependency_count; /* at most 64 */
  uint32_t dependency_bytes; /* sizeof(ringfleet_dependency) */

  /* Required. `config` is JSON text (not NUL-terminated); "{}" when the topology gives none. *state is handed to every
   * other hook. Non-zero: the load fails with that code and shutdown is not called. Must finish within the fleet's
   * start timeout (10 s), else the runner is killed and the load fails. */
  int (*init)(const ringfleet_services* services, const char* config, uint64_t config_bytes, void** state);

  /* Required. `method` is the index into `methods`. `args` is 16-byte aligned, not terminated, and lies in memory of
   * the caller: read-only here, and a careless caller could still change it, so copy what must not change while you
   * look. */
  int (*call)(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply);

  /* Optional hooks: NULL when absent. */

  /* 0: well. Anything else: the probe fails with that code and the text written to `reply`. Absent: always well. */
  int (*health)(void* state, ringfleet_reply* reply);
  /* No further calls will come: finish or store what is half done. Before save and before shutdown. */
  int (*quiesce)(void* state);
  /* The state that the next version of this module shall continue from. Non-zero: the reload is rolled back. */
  int (*save)(void* state, ringfleet_reply* reply);
  int (*restore)(void* state, const void* data, uint64_t bytes);
  /* Release everything. Its result is logged, no more. Bounded by the stop timeout (5 s), then the process dies. */
  int (*shutdown)(void* state);
} ringfleet_module_v2;

/* The one exported symbol. Define it as:
 *   RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = { RINGFLEET_ABI_VERSION, sizeof …, … }; */
extern RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module;

#ifdef __cplusplus
}
#endif

#endif
