// Drives one fuzz target without libFuzzer, in every test run: each file of its corpus, the seeds that the target makes
// itself, and random changes of both.
//
//   NAME_fuzz PATH… [--rounds N]     files or folders; RINGFLEET_TEST_SEED and RINGFLEET_TEST_ROUNDS as in other tests
//   NAME_fuzz --write-seeds FOLDER   for libFuzzer to begin with
//
// An input that ends the program, or takes a minute, is left behind as crash-NAME_fuzz in the working directory.

#include "../scale.hpp"
#include "../seed.hpp"
#include "input.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

using ringfleet::fuzz::Bytes;

constexpr unsigned patience_seconds = 60;

// Plain data: a signal handler reads it.
const std::uint8_t* current_data = nullptr;
std::size_t current_size = 0;
char crash_path[256] = "crash";

void keep_input() {
  const int file = ::open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0 && current_data != nullptr && ::write(file, current_data, current_size) >= 0) {
    constexpr char text[] = "\nthe input is in ./";
    (void)!::write(STDERR_FILENO, text, sizeof text - 1);
    (void)!::write(STDERR_FILENO, crash_path, std::strlen(crash_path));
    constexpr char advice[] = "; give it to this program as its argument to see it again\n";
    (void)!::write(STDERR_FILENO, advice, sizeof advice - 1);
  }
}

void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void prepare_for_crashes(const std::string& name) {
  std::snprintf(crash_path, sizeof crash_path, "crash-%s", name.c_str());
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) {
    std::signal(number, &on_signal);
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(&keep_input);
#endif
}

void run(const Bytes& input) {
  // A copy of exactly this length, so that AddressSanitizer sees a read beyond its end.
  const auto copy = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), copy.get());
  current_data = copy.get();
  current_size = input.size();
  ::alarm(patience_seconds);
  (void)LLVMFuzzerTestOneInput(copy.get(), input.size());
  ::alarm(0);
  current_data = nullptr;
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Bytes> read_corpus(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> paths{path};
  if (std::filesystem::is_directory(path)) {
    paths.assign(std::filesystem::directory_iterator(path), {});
    std::sort(paths.begin(), paths.end());
  }
  std::vector<Bytes> corpus;
  std::transform(paths.begin(), paths.end(), std::back_inserter(corpus), read_file);
  return corpus;
}

// One small change; words that sit on borders hit more than others.
void change(Bytes& bytes, const Bytes& other, std::mt19937_64& random) {
  constexpr std::uint64_t borders[] = {0,          1,          2,     7,         8,           63,
                                       64,         255,        4'096, 65'535,    0x7fff'ffff, 0xffff'ffff,
                                       1ULL << 32, 1ULL << 63, ~0ULL, ~0ULL - 1, ~0ULL - 63};
  if (bytes.empty()) {
    bytes.push_back(static_cast<std::uint8_t>(random()));
  }
  const auto at = random() % bytes.size();
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  const auto left = bytes.size() - at;
  const auto length = std::min<std::size_t>(random() % 16 + 1, left);
  switch (random() % 8) {
  case 0: bytes[at] ^= static_cast<std::uint8_t>(1U << random() % 8); break;
  case 1: bytes[at] = static_cast<std::uint8_t>(random()); break;
  case 2: {
    const auto word = random() % 3 == 0 ? random() : borders[random() % std::size(borders)];
    std::memcpy(&bytes[at], &word, std::min<std::size_t>(left, std::size_t{1} << random() % 4));
    break;
  }
  case 3: bytes[at] = static_cast<std::uint8_t>(bytes[at] + random() % 9 - 4); break;
  case 4: bytes.erase(place, place + static_cast<std::ptrdiff_t>(length)); break;
  case 5: bytes.insert(place, length, static_cast<std::uint8_t>(random())); break;
  case 6: {
    const Bytes part(place, place + static_cast<std::ptrdiff_t>(length));
    bytes.insert(place, part.begin(), part.end());
    break;
  }
  default:
    if (!other.empty()) {
      const auto from = random() % other.size();
      bytes.resize(at);
      bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
    }
  }
}

void write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  unsigned number = 0;
  for (const auto& seed : ringfleet::fuzz::seeds()) {
    std::ofstream file(folder / ("seed-" + std::to_string(number++)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
}

} // namespace

int main(int argc, char** argv) {
  const auto name = std::filesystem::path(argv[0]).filename().string();
  if (argc == 3 && std::string_view(argv[1]) == "--write-seeds") {
    write_seeds(argv[2]);
    return 0;
  }
  prepare_for_crashes(name);
  std::uint64_t rounds = 0;
  auto corpus = ringfleet::fuzz::seeds();
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--rounds" && i + 1 < argc) {
      rounds = ringfleet::test::rounds_or(std::stoull(argv[++i]) / ringfleet::test::scale_down);
      continue;
    }
    auto files = read_corpus(argv[i]);
    std::move(files.begin(), files.end(), std::back_inserter(corpus));
  }
  const auto seed = ringfleet::test::seed_or(20'260'000);
  std::printf("%s: %zu files and seeds, %llu changes of them, seed %llu\n", name.c_str(), corpus.size(),
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  for (const auto& input : corpus) {
    run(input);
  }
  std::mt19937_64 random(seed);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    auto input = corpus[random() % corpus.size()];
    for (auto changes = random() % 4 + 1; changes != 0; --changes) {
      change(input, corpus[random() % corpus.size()], random);
    }
    input.resize(std::min<std::size_t>(input.size(), 16'384));
    run(input);
  }
  std::printf("totals: fuzz_executions=%llu\n", static_cast<unsigned long long>(corpus.size() + rounds));
}
