// That this program exists is the test: meson compiles one file per installed header into it.
int main() {
  return 0;
}
