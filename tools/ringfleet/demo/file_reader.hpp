#pragma once

// Reads the files of a corpus one after the other, in chunks, so that a file of any size fits. Chunks know their file:
// it counts when all of them are verified.

#include "corpus.hpp"
#include "ledger.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringfleet::cli::demo {

struct FileState {
  std::string path;
  std::uint64_t open_chunks = 0; // read and not verified yet
  std::uint64_t good_chunks = 0;
  bool reading = true;
  bool bad = false;

  [[nodiscard]] bool complete() const noexcept { return !reading && open_chunks == 0 && good_chunks > 0 && !bad; }
};

struct Chunk {
  std::shared_ptr<FileState> file;
  std::vector<std::byte> bytes;
};

class FileReader {
public:
  static constexpr std::size_t chunk_bytes = 256U << 10U;

  FileReader(const Corpus& corpus, Ledger& ledger, Tally& tally);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // The next chunk of the file at hand, or the first of the next file; none when no file of the corpus can be read any
  // more. Files that cannot be read are named in the tally.
  [[nodiscard]] std::optional<Chunk> next();
  // Ends with the file at hand, wherever it stands; a file whose chunks are all verified by now is counted.
  void stop();

private:
  bool open_next();
  void close_file();

  const Corpus& corpus_;
  Ledger& ledger_;
  Tally& tally_;
  std::shared_ptr<FileState> file_;
  int descriptor_ = -1;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(chunk_bytes);
};

} // namespace ringfleet::cli::demo
