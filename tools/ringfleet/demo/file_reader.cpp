#include "file_reader.hpp"

#include "ringfleet/os/file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::cli::demo {
namespace {

// Less than `bytes.size()` only at the end of the file; -1 on an error.
ssize_t read_full(int descriptor, std::vector<std::byte>& bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto got = read(descriptor, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -1;
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(filled);
}

} // namespace

FileReader::FileReader(const Corpus& corpus, Ledger& ledger, Tally& tally)
    : corpus_(corpus), ledger_(ledger), tally_(tally) {}

FileReader::~FileReader() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

std::optional<Chunk> FileReader::next() {
  for (std::size_t attempts = 0; attempts <= corpus_.files.size(); ++attempts) {
    if (descriptor_ < 0 && !open_next()) {
      continue;
    }
    auto file = file_;
    const auto got = read_full(descriptor_, buffer_);
    if (got < 0) {
      tally_.skipped.add(Skip::unreadable, file->path);
    }
    if (got > 0) {
      ++file->open_chunks;
    }
    // A short read is the end of the file; the chunk at hand is counted first, so that the file is not complete yet.
    if (got < static_cast<ssize_t>(chunk_bytes)) {
      close_file();
    }
    if (got > 0) {
      return Chunk{std::move(file), {buffer_.begin(), buffer_.begin() + got}};
    }
  }
  return std::nullopt;
}

void FileReader::stop() {
  if (descriptor_ >= 0) {
    close_file();
  }
}

bool FileReader::open_next() {
  const auto& path = corpus_.files[ledger_.next_file(corpus_.files.size())];
  descriptor_ = os::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).release();
  struct stat status{};
  if (descriptor_ >= 0 && fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) {
    file_ = std::make_shared<FileState>();
    file_->path = path;
    return true;
  }
  tally_.skipped.add(errno == EACCES ? Skip::unreadable : Skip::vanished, path);
  if (descriptor_ >= 0) {
    close(std::exchange(descriptor_, -1));
  }
  return false;
}

void FileReader::close_file() {
  close(std::exchange(descriptor_, -1));
  file_->reading = false;
  // Its chunks may all have come back while it was open.
  if (file_->complete()) {
    ++tally_.files;
    ++ledger_.files;
  }
  file_.reset();
}

} // namespace ringfleet::cli::demo
