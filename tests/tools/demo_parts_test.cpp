// The parts of `ringfleet demo` that need no fleet: what it works on, what it counts, how it reports.

#include "demo/corpus.hpp"
#include "demo/file_reader.hpp"
#include "demo/report.hpp"
#include "exit_code.hpp"
#include "output.hpp"
#include "scratch_directory.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace ringfleet;
using namespace ringfleet::cli;
using namespace ringfleet::cli::demo;

namespace {

namespace fs = std::filesystem;

std::string all_of(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& line : lines) {
    all += line + "\n";
  }
  return all;
}

} // namespace

TEST_CASE("corpus: takes regular files with content, names and counts everything else") {
  const tests::ScratchDirectory scratch("corpus");
  scratch.write("b/two.h", "two");
  scratch.write("a/one.h", "one");
  scratch.write("a/none.h", "");
  fs::create_symlink("one.h", scratch.path("a/link.h"));
  fs::create_symlink("..", scratch.path("a/up"));
  fs::create_directories(scratch.path("hollow"));
  REQUIRE(mkfifo(scratch.path("pipe").c_str(), 0600) == 0);
  const auto corpus = scan(scratch.path());
  CHECK(corpus.files == std::vector<std::string>{scratch.path("a/one.h"), scratch.path("b/two.h")});
  CHECK(corpus.skipped.count() == 5);
  const auto lines = all_of(corpus.skipped.lines());
  CAPTURE(lines);
  CHECK(lines.find("skipped 2 (link): ") != std::string::npos);
  CHECK(lines.find("skipped 1 (empty file): " + scratch.path("a/none.h")) != std::string::npos);
  CHECK(lines.find("skipped 1 (empty directory): " + scratch.path("hollow")) != std::string::npos);
  CHECK(lines.find("skipped 1 (special file): " + scratch.path("pipe")) != std::string::npos);
}

TEST_CASE("corpus: of many skipped names the first few are shown and the rest counted") {
  Skipped skipped;
  for (int i = 0; i < 10; ++i) {
    skipped.add(Skip::link, "n" + std::to_string(i));
  }
  Skipped other;
  other.add(Skip::link, "other");
  skipped.add(other);
  REQUIRE(skipped.lines().size() == 1);
  CHECK(skipped.lines().front() == "skipped 11 (link): n0, n1, n2, n3 and 7 more");
}

TEST_CASE("corpus: a directory that does not exist, is a file, or holds no file is refused with a reason") {
  const tests::ScratchDirectory scratch("no-corpus");
  scratch.write("file", "x");
  fs::create_directories(scratch.path("hollow"));
  for (const auto& [path, reason] :
       {std::pair{scratch.path("absent"), "it does not exist"},
        std::pair{scratch.path("file"), "it is not a directory"},
        std::pair{scratch.path("hollow"), "no readable regular file with content is in it"}}) {
    CAPTURE(path);
    try {
      static_cast<void>(scan(path));
      FAIL("must be refused");
    } catch (const Failure& failure) {
      CHECK(failure.code() == ExitCode::usage);
      CHECK(std::string(failure.what()).find(reason) != std::string::npos);
    }
  }
}

TEST_CASE("reader: files come in turn, in chunks, again from the start; each counts when all its chunks are good") {
  const tests::ScratchDirectory scratch("reader");
  const std::string large(FileReader::chunk_bytes + 5, 'x');
  scratch.write("1", large);
  scratch.write("2", "small");
  const auto corpus = scan(scratch.path());
  Ledger ledger;
  Tally tally;
  FileReader reader(corpus, ledger, tally);
  std::vector<Chunk> chunks;
  for (int i = 0; i < 4; ++i) {
    auto chunk = reader.next();
    REQUIRE(chunk.has_value());
    chunks.push_back(std::move(*chunk));
  }
  CHECK(chunks[0].bytes.size() == FileReader::chunk_bytes);
  CHECK(chunks[1].bytes.size() == 5);
  CHECK(chunks[2].bytes.size() == 5);
  CHECK(chunks[3].bytes.size() == FileReader::chunk_bytes); // the first file again
  CHECK(chunks[0].file == chunks[1].file);
  auto& file = *chunks[0].file;
  CHECK_FALSE(file.complete());
  file.open_chunks = 0;
  file.good_chunks = 2;
  CHECK(file.complete());
  file.bad = true;
  CHECK_FALSE(file.complete());
}

TEST_CASE("reader: a file cut short counts when what was taken of it came back, one that vanished is named") {
  const tests::ScratchDirectory scratch("reader-stop");
  scratch.write("1", std::string(3 * FileReader::chunk_bytes, 'x'));
  scratch.write("2", "gone soon");
  const auto corpus = scan(scratch.path());
  Ledger ledger;
  Tally tally;
  FileReader reader(corpus, ledger, tally);
  const auto chunk = reader.next();
  REQUIRE(chunk.has_value());
  chunk->file->open_chunks = 0;
  chunk->file->good_chunks = 1;
  reader.stop();
  CHECK(tally.files == 1);
  fs::remove(scratch.path("2"));
  REQUIRE(reader.next().has_value()); // over "2" to "1" again
  CHECK(all_of(tally.skipped.lines()).find("(vanished meanwhile): " + scratch.path("2")) != std::string::npos);
  fs::remove(scratch.path("1"));
  reader.stop();
  CHECK_FALSE(reader.next().has_value());
}

TEST_CASE("report: the JSON has exactly the documented keys, in order") {
  Outcome outcome;
  outcome.files_total = 10;
  outcome.tally.files = 12;
  outcome.tally.bytes_in = 3'000;
  outcome.tally.bytes_out = 1'000;
  outcome.tally.accepted = 24;
  outcome.tally.answered = 24;
  outcome.tally.by_version = {{"1.0.0", 20}, {"2.0.0", 4}};
  outcome.detect_ns = 120'400;
  outcome.crashes = 1;
  outcome.reloads = 1;
  CHECK(outcome.verified());
  const auto json = nlohmann::ordered_json::parse(report_json(outcome));
  std::string keys;
  for (const auto& [key, value] : json.items()) {
    keys += key + " ";
  }
  CHECK(keys == "files bytes_in bytes_out ratio calls retried failed lost verified crashes reloads calls_by_version "
                "call_p50_ns call_p99_ns call_p99_9_ns call_max_ns detect_us serving_us reload_us ");
  CHECK(json["ratio"] == 3.0);
  CHECK(json["lost"] == 0);
  CHECK(json["verified"] == true);
  CHECK(json["calls_by_version"]["2.0.0"] == 4);
  CHECK(json["detect_us"] == 120);
}

TEST_CASE("report: a lost call, a mismatch, a failure or no work at all is not verified") {
  Outcome good;
  good.tally.files = 1;
  REQUIRE(good.verified());
  auto lost = good;
  lost.tally.accepted = 1;
  CHECK_FALSE(lost.verified());
  auto wrong = good;
  wrong.tally.mismatched = 1;
  CHECK_FALSE(wrong.verified());
  auto failed = good;
  failed.failure = "x";
  CHECK_FALSE(failed.verified());
  CHECK_FALSE(Outcome().verified());
}

TEST_CASE("ledger: the first answer beyond the killed serial is remembered, older runners do not count") {
  Ledger ledger;
  ledger.answered_by(5, 10);
  CHECK(ledger.answered_at() == 0);
  ledger.await_answer_beyond(5);
  ledger.answered_by(5, 20);
  CHECK(ledger.answered_at() == 0);
  ledger.answered_by(6, 30);
  ledger.answered_by(7, 40);
  CHECK(ledger.answered_at() == 30);
}
