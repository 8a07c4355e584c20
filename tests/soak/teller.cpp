// The module `teller`: answers each call with its name and writes into the ledger that it was executed. A call that
// comes twice is a complaint there: nobody may execute it again on his own. Its config is the path of the ledger; two
// versions are built, to be exchanged for one another.

#include "ledger.hpp"

#include <ringfleet/module.hpp>

#include <cstdio>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using ringfleet::soak::Ledger;

struct Call {
  std::uint64_t caller;
  std::uint64_t number;
};

struct Teller {
  explicit Teller(std::string_view config) {
    // {"ledger":"PATH"}, as the soak writes it
    const auto begin = config.find(":\"");
    const std::string path(config.substr(begin + 2, config.rfind('"') - begin - 2));
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* const memory = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) {
      throw std::runtime_error("the ledger cannot be mapped: " + path);
    }
    ledger_ = static_cast<Ledger*>(memory);
  }
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;
  ~Teller() { munmap(ledger_, sizeof(Ledger)); }

  Call tell(const Call& call) {
    if (call.caller >= ledger_->callers.size()) {
      throw ringfleet::module::BadArguments("there is no such caller");
    }
    auto& caller = ledger_->callers[call.caller];
    auto& line = caller.executed[call.number % ringfleet::soak::calls_kept];
    ++caller.executions;
    if (call.number % 64 == 0) {
      poll(nullptr, 0, 1); // so that runners are killed in the middle of a call now and then
    }
    // One that was given up long ago may come late, behind a younger one of its line.
    for (auto last = line.load(); last <= call.number;) {
      if (last == call.number) {
        ++ledger_->complaints;
        std::fprintf(stderr, "soak: call %llu of caller %llu is executed twice\n",
                     static_cast<unsigned long long>(call.number), static_cast<unsigned long long>(call.caller));
        break;
      }
      if (line.compare_exchange_strong(last, call.number)) {
        break;
      }
    }
    return call;
  }

  Ledger* ledger_ = nullptr;
};

} // namespace

RINGFLEET_MODULE(Teller,
                 {.id = "teller",
                  .version = TELLER_VERSION,
                  .name = "Teller",
                  .kind = "test",
                  .description = "Writes down which calls it executed."},
                 RINGFLEET_METHOD(tell, .description = "The same, written into the ledger."))
