// The echo module as a plain function of a shared object: what a call costs without any isolation.

#include <stddef.h>
#include <string.h>

__attribute__((visibility("default"))) size_t plain_echo(const void* args, size_t bytes, void* reply) {
  memcpy(reply, args, bytes);
  return bytes;
}
