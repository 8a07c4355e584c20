#include "harness/options.hpp"

#include <cstdio>
#include <cstdlib>

#include <getopt.h>
#include <sched.h>

namespace ringfleet::bench {
namespace {

constexpr const char* help = "usage: %s [--json] [--smoke] [--seconds S] [--rounds N] [--cores A,B]\n"
                             "  --json       print one JSON object instead of a table\n"
                             "  --smoke      tiny run that only proves that the benchmark works\n"
                             "  --seconds S  measured time of a row over all rounds (default 2)\n"
                             "  --rounds N   rounds to keep (default 7)\n"
                             "  --cores A,B  cores of the measuring and the answering process\n";

[[noreturn]] void wrong(const char* program, const char* option, const char* value) {
  std::fprintf(stderr, "%s: bad value '%s' for --%s\n", program, value, option);
  std::fprintf(stderr, help, program);
  std::exit(2);
}

} // namespace

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) {
        cores.push_back(core);
      }
    }
  }
  return cores;
}

Options parse_options(int argc, char** argv, int cores_needed) {
  static const option long_options[] = {
      {"json", no_argument, nullptr, 'j'},
      {"smoke", no_argument, nullptr, 's'},
      {"seconds", required_argument, nullptr, 't'},
      {"rounds", required_argument, nullptr, 'r'},
      {"cores", required_argument, nullptr, 'c'},
      {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int i = 0; i < argc; ++i) {
    options.command.append(i == 0 ? "" : " ").append(argv[i]);
  }
  int letter = 0;
  while ((letter = getopt_long(argc, argv, "", long_options, nullptr)) != -1) {
    char* end = nullptr;
    switch (letter) {
    case 'j': options.json = true; break;
    case 's': options.smoke = true; break;
    case 't':
      options.seconds = std::strtod(optarg, &end);
      if (*end != '\0' || !(options.seconds > 0 && options.seconds <= 3600)) {
        wrong(argv[0], "seconds", optarg);
      }
      break;
    case 'r':
      options.rounds = static_cast<unsigned>(std::strtoul(optarg, &end, 10));
      if (*end != '\0' || options.rounds == 0 || options.rounds > 1000) {
        wrong(argv[0], "rounds", optarg);
      }
      break;
    case 'c':
      if (std::sscanf(optarg, "%d,%d", &options.client_core, &options.server_core) != 2) {
        wrong(argv[0], "cores", optarg);
      }
      break;
    case 'h': std::printf(help, argv[0]); std::exit(0);
    default: std::fprintf(stderr, help, argv[0]); std::exit(2);
    }
  }
  if (optind != argc) {
    std::fprintf(stderr, "%s: '%s' is not an option\n", argv[0], argv[optind]);
    std::exit(2);
  }
  if (options.smoke) {
    options.rounds = 1;
  }
  const std::vector<int> cores = usable_cores();
  if (static_cast<int>(cores.size()) < cores_needed) {
    std::fprintf(stderr, "%s: skipped: needs %d cores of its own, this process may use %zu\n", argv[0], cores_needed,
                 cores.size());
    std::exit(77);
  }
  if (options.client_core < 0) {
    options.client_core = cores.front();
    options.server_core = cores.back();
  }
  return options;
}

} // namespace ringfleet::bench
