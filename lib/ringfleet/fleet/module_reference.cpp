#include "ringfleet/fleet/module_reference.hpp"

#include "ringfleet/base/error.hpp"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include <sys/auxv.h>

namespace ringfleet::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view hash_prefix = "sha256:";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// "NAME.so.3" beats "NAME.so.2"; none: nullopt.
std::optional<fs::path> highest_version(const fs::path& directory, const std::string& prefix) {
  std::optional<fs::path> highest;
  unsigned long highest_number = 0;
  std::error_code failed;
  fs::directory_iterator entry(directory, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const std::string_view digits =
        std::string_view(name).substr(name.starts_with(prefix) ? prefix.size() : name.size());
    if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string_view::npos) {
      continue;
    }
    const unsigned long number = std::stoul(std::string(digits));
    if (!highest || number > highest_number) {
      highest = entry->path();
      highest_number = number;
    }
  }
  return highest;
}

std::optional<fs::path> find_in(const fs::path& directory, const std::string& name) {
  if (is_there(directory / name) && !fs::is_directory(directory / name)) {
    return directory / name;
  }
  if (name.find(".so") == std::string::npos) {
    if (is_there(directory / (name + ".so"))) {
      return directory / (name + ".so");
    }
    return highest_version(directory, name + ".so.");
  }
  return std::nullopt;
}

} // namespace

ModuleSearch ModuleSearch::from_environment(std::string directory) {
  ModuleSearch search{std::move(directory), {}};
  // secure_getenv: a set-user-id scheduler must not load what its caller names.
  if (const char* listed = secure_getenv("RINGFLEET_MODULE_PATH")) {
    std::string_view rest = listed;
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':');
      if (const std::string_view part = rest.substr(0, colon); !part.empty()) {
        search.paths.emplace_back(part);
      }
      rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    }
  }
  // An installed tree may be unpacked anywhere: its modules lie where they lie from its own programs.
  if (getauxval(AT_SECURE) == 0) {
    std::error_code ignored;
    const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    const fs::path beside =
        (here / fs::path(RINGFLEET_MODULE_DIR).lexically_relative(RINGFLEET_BINDIR)).lexically_normal();
    if (!here.empty() && beside != RINGFLEET_MODULE_DIR && is_there(beside)) {
      search.paths.push_back(beside);
    }
    // `ringfleet` in a build tree, by the folder it lies in there and nowhere else.
    if (const fs::path built = here / "../../runner/modules";
        here.parent_path().filename() == "tools" && is_there(built)) {
      search.paths.push_back(built.lexically_normal());
    }
  }
  search.paths.emplace_back(RINGFLEET_MODULE_DIR);
  return search;
}

bool is_hash_reference(std::string_view reference) noexcept {
  return reference.starts_with(hash_prefix);
}

std::string hash_reference_problem(std::string_view reference) {
  const std::string_view digits = reference.substr(is_hash_reference(reference) ? hash_prefix.size() : 0);
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return fmt::format("\"{}\" is not a hash: lower-case hex digits only", reference);
  }
  return digits.size() < 8 || digits.size() > 64
             ? fmt::format("\"{}\" has {} hex digits instead of 8 to 64", reference, digits.size())
             : std::string();
}

std::string resolve_module_reference(std::string_view reference, const ModuleSearch& search) {
  if (reference.empty()) {
    throw Error(ErrorCode::invalid_argument, "the module path is empty", "give a path or a module name");
  }
  if (reference.find('\0') != std::string_view::npos) {
    throw Error(ErrorCode::invalid_argument, "the module path contains a zero byte");
  }
  if (is_hash_reference(reference)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("\"{}\" names a stored artifact, not a file", reference),
                "give a path or a module name");
  }
  const std::string name(reference);
  const fs::path here = search.directory.empty() ? fs::path(".") : fs::path(search.directory);
  if (name.find('/') != std::string::npos) {
    const fs::path path = (here / name).lexically_normal();
    if (!is_there(path)) {
      throw Error(ErrorCode::not_found, fmt::format("there is no module file '{}'", path.string()),
                  "check the path; a relative one starts at the topology file");
    }
    return fs::absolute(path).string();
  }
  std::string looked;
  const auto look_in = [&](const fs::path& directory) {
    looked += fmt::format("{}'{}'", looked.empty() ? "" : ", ", directory.string());
    return find_in(directory, name);
  };
  std::optional<fs::path> found = look_in(here);
  for (std::size_t index = 0; !found && index < search.paths.size(); ++index) {
    found = look_in(search.paths[index]);
  }
  if (!found) {
    throw Error(ErrorCode::not_found, fmt::format("there is no module \"{}\": looked in {}", name, looked),
                "give a path with a '/', or set RINGFLEET_MODULE_PATH");
  }
  return fs::absolute(*found).lexically_normal().string();
}

} // namespace ringfleet::fleet
