// What a user writes for a module: found, or refused with a reason; hashes are told apart from names.

#include "ringfleet/fleet/module_reference.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/artifact.hpp"

#include <filesystem>
#include <string>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

void check_hash(std::string_view reference) {
  const bool is_well_formed = fleet::hash_reference_problem(reference).empty();
  const fleet::ArtifactStore store;
  try {
    (void)store.find(reference);
    require(false, "an empty store has no artifact");
  } catch (const Error& error) {
    require(error.code() == (is_well_formed ? ErrorCode::not_found : ErrorCode::invalid_argument),
            "a store refuses the hashes that are none");
  }
}

void check_path(std::string_view reference) {
  try {
    const auto path = fleet::resolve_module_reference(reference, {"/proc/self/ns", {"/nonexistent", "/proc/self/fd"}});
    require(std::filesystem::path(path).is_absolute(), "a module has an absolute path");
    std::error_code error;
    require(std::filesystem::exists(path, error), "what is found is there");
    require(!fleet::is_hash_reference(reference), "a hash is no path");
  } catch (const Error& error) {
    const bool is_named = error.code() == ErrorCode::not_found || error.code() == ErrorCode::invalid_argument;
    require(is_named && *error.what() != '\0', "a refusal has a reason");
  }
}

Bytes text_seed(std::string_view text) {
  return InputMaker().add_text(text).make();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view reference(reinterpret_cast<const char*>(data), size);
  check_hash(reference);
  check_path(reference);
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  return {text_seed("zstd"),
          text_seed("net"),
          text_seed("../ns/./net"),
          text_seed("/dev/null"),
          text_seed("zstd.so.2"),
          text_seed("0"),
          text_seed("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
          text_seed(std::string(300, 'a')),
          text_seed("/" + std::string(5'000, 'b') + "/c"),
          text_seed("sha256:short")};
}
