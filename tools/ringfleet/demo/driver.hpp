#pragma once

// One thread of load: reads chunks, has them compressed by the fleet, has the answers decompressed by the fleet, and
// compares the result with what was read. It keeps a window of calls in flight and never waits while one is ready.

#include "file_reader.hpp"
#include "ledger.hpp"

#include "ringfleet/fleet/call.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace ringfleet::cli::demo {

struct Methods {
  Method compress;
  Method decompress;
};

class Driver {
public:
  // `window`: calls in flight at most.
  Driver(Methods methods, const Corpus& corpus, Ledger& ledger, std::size_t window);

  // Until the ledger says stop; then finishes what is in flight. Ends the demo through the ledger when a call fails for
  // good.
  void run();
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }

private:
  struct Work {
    Chunk chunk;
    std::vector<std::byte> compressed; // empty until the first answer
    PendingCall call;
    MonotonicNs started_at = 0;
    unsigned attempts = 0;
  };
  using WorkPointer = std::unique_ptr<Work>;

  void fill();
  void start(Work& work);
  // Collects the answer and takes the next step; true when the chunk is through.
  bool advance(Work& work);
  bool answered(Work& work, const Reply& reply);
  bool failed(Work& work, const Reply& reply);
  void verify(Work& work, const Reply& reply);

  Methods methods_;
  Ledger& ledger_;
  std::size_t window_max_;
  Tally tally_;
  FileReader reader_;
  std::vector<WorkPointer> window_;
};

} // namespace ringfleet::cli::demo
