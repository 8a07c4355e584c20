/* The smallest file that is a module: enough to be stored, corrupted and replaced. */

int memlink_init(const unsigned char* config, unsigned long len);
int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out);
int memlink_shutdown(void);

int memlink_init(const unsigned char* config, unsigned long len) {
  return config == 0 && len != 0;
}

int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out) {
  if (len == 0) {
    return -2;
  }
  out[0] = (unsigned char)(args[0] ^ method_id);
  return 0;
}

int memlink_shutdown(void) {
  return 0;
}
