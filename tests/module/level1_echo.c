/* A module that knows ABI level 1 and nothing else: three functions, no header of ours. `echo` copies its arguments,
 * `process` answers with the configuration, `increment` counts; anything else is refused. */

#include <string.h>

int memlink_init(const unsigned char* config, unsigned long len);
int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out);
int memlink_shutdown(void);

static unsigned char remembered[256];
static unsigned long remembered_len;
static unsigned char count;

int memlink_init(const unsigned char* config, unsigned long len) {
  remembered_len = len < sizeof remembered ? len : sizeof remembered;
  memcpy(remembered, config, remembered_len);
  return 0;
}

int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out) {
  switch (method_id) {
  case 0xd49dd484u:
    if (len > 4096) {
      return -2;
    }
    memcpy(out, args, len);
    return 0;
  case 0x9ce94d7au: memcpy(out, remembered, remembered_len); return 0;
  case 0x3812e73eu: out[0] = ++count; return 0;
  default: return 17;
  }
}

int memlink_shutdown(void) {
  return 0;
}
