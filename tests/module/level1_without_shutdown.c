/* A level 1 module that lacks one of its three symbols. */

int memlink_init(const unsigned char* config, unsigned long len);
int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out);

int memlink_init(const unsigned char* config, unsigned long len) {
  (void)config;
  (void)len;
  return 0;
}

int memlink_call(unsigned int method_id, const unsigned char* args, unsigned long len, unsigned char* out) {
  (void)method_id;
  (void)args;
  (void)len;
  (void)out;
  return 0;
}
