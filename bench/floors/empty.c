// The program of floor_spawn.

int main(void) {
  return 0;
}
