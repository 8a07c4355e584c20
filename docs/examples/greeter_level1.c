#include <string.h>

int memlink_init(const unsigned char* config, unsigned long len) {
  (void)config, (void)len;
  return 0;
}

int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out) {
  if (method_id != 0xfb1de34aU || len > 4000) { /* FNV-1a-32 of "greet" */
    return -2;
  }
  memcpy(out, "hello ", 6); /* `out` is 4096 zeroed bytes */
  memcpy(out + 6, args, len);
  return 0;
}

int memlink_shutdown(void) {
  return 0;
}
