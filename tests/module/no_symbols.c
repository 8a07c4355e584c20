/* A shared object that is no module at all. */

int ordinary_library_function(void);
int ordinary_library_function(void) {
  return 42;
}
