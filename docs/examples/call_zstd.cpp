// The example of README.md: a fleet of one module inside this program, called twice.
// usage: call_zstd MODULE.so

#include <ringfleet/fleet/fleet.hpp>

#include <cstdio>
#include <exception>
#include <string>

namespace {

int pack_and_unpack(const char* module_path) {
  // README begins
  ringfleet::Fleet fleet(ringfleet::Fleet::single("zstd", module_path));
  const ringfleet::Method compress = fleet.method("zstd", "compress");
  const ringfleet::Method decompress = fleet.method("zstd", "decompress");

  const std::string text(100'000, 'a');
  const ringfleet::Reply packed = compress.call(text);
  if (!packed.ok()) { // the module crashed, was too slow, refused: error() says which
    std::fprintf(stderr, "%s\n", packed.error().c_str());
    return 1;
  }
  ringfleet::PendingCall pending = decompress.start(packed.bytes()); // read where the runner wrote them
  const ringfleet::Reply unpacked = pending.get();
  std::printf("%zu bytes, packed %zu, %s\n", text.size(), packed.bytes().size(),
              unpacked.text() == text ? "equal" : "different");
  return unpacked.text() == text ? 0 : 1;
  // README ends
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: call_zstd MODULE.so\n");
    return 2;
  }
  try {
    return pack_and_unpack(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "call_zstd: %s\n", error.what());
    return 1;
  }
}
