/* The private library of uses_private_library.c: not on any system path. */

int private_answer(void);
__attribute__((visibility("default"))) int private_answer(void) {
  return 4711;
}
