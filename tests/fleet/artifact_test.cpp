#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/artifact.hpp"
#include "ringfleet/fleet/elf_image.hpp"
#include "ringfleet/os/memory_file.hpp"

#include "scratch_directory.hpp"

#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fleet;

namespace {

std::string content(const Artifact& artifact) {
  std::string bytes(artifact.size_bytes(), '\0');
  REQUIRE(::pread(artifact.descriptor(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// The text and code of the refusal of `bytes` as a module file.
std::pair<ErrorCode, std::string> refusal(const std::string& bytes) {
  const test::ScratchDirectory directory;
  test::write_file(directory.file("x.so"), bytes);
  ArtifactStore store;
  try {
    (void)store.ingest(directory.file("x.so"));
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find(directory.file("x.so")) != std::string::npos);
    CHECK(store.size() == 0);
    return {error.code(), error.what()};
  }
  return {ErrorCode::system, "accepted"};
}

template <typename Header, typename Change>
std::string changed(std::string bytes, std::size_t offset, Change change) {
  Header header;
  std::memcpy(&header, bytes.data() + offset, sizeof header);
  change(header);
  std::memcpy(bytes.data() + offset, &header, sizeof header);
  return bytes;
}

Elf64_Ehdr header_of(const std::string& bytes) {
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

} // namespace

TEST_CASE("artifact: the stored copy has the bytes, the size and the SHA-256 of the file") { // F15
  ArtifactStore store;
  const ArtifactHandle artifact = store.ingest(TINY_MODULE);
  CHECK(content(*artifact) == test::read_file(TINY_MODULE));
  CHECK(artifact->path() == TINY_MODULE);
  CHECK(std::filesystem::path(TINY_MODULE).parent_path() == artifact->directory());
  REQUIRE(artifact->sha256().size() == 64);
  FILE* tool = ::popen("sha256sum '" TINY_MODULE "'", "r");
  REQUIRE(tool != nullptr);
  std::string expected(64, '\0');
  CHECK(std::fread(expected.data(), 1, 64, tool) == 64);
  ::pclose(tool);
  CHECK(artifact->sha256() == expected);
}

TEST_CASE("artifact: nobody can write, resize or map the stored copy writable, and it can be executed") { // F15
  ArtifactStore store;
  const ArtifactHandle artifact = store.ingest(TINY_MODULE);
  const int fd = artifact->descriptor();
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  CHECK((::fcntl(fd, F_GET_SEALS) & seals) == seals);
  CHECK(::pwrite(fd, "x", 1, 0) == -1);
  CHECK(::ftruncate(fd, 0) == -1);
  CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  CHECK(code != MAP_FAILED);
  ::munmap(code, 4096);
}

TEST_CASE("artifact: the same bytes are the same artifact, from whichever path they come") { // F15
  const test::ScratchDirectory directory;
  std::filesystem::copy_file(TINY_MODULE, directory.file("copy.so.7"));
  ArtifactStore store;
  const ArtifactHandle first = store.ingest(TINY_MODULE);
  const ArtifactHandle second = store.ingest(directory.file("copy.so.7"));
  CHECK(first == second);
  CHECK(store.size() == 1);
}

TEST_CASE("artifact: it is freed with its last handle") { // F15
  ArtifactStore store;
  ArtifactHandle first = store.ingest(TINY_MODULE);
  ArtifactHandle second = first;
  const int fd = first->descriptor();
  first.reset();
  CHECK(store.size() == 1);
  CHECK(::fcntl(fd, F_GETFD) != -1);
  second.reset();
  CHECK(store.size() == 0);
  CHECK(::fcntl(fd, F_GETFD) == -1);
  CHECK(store.ingest(TINY_MODULE)->size_bytes() > 0);
}

TEST_CASE("artifact: what happens to the file after it was stored has no effect") { // F15, fault 24
  const std::string bytes = test::read_file(TINY_MODULE);
  const auto after = [&](auto change) {
    const test::ScratchDirectory directory;
    const std::filesystem::path path = directory.file("module.so");
    test::write_file(path, bytes);
    ArtifactStore store;
    const ArtifactHandle artifact = store.ingest(path.string());
    change(path);
    CHECK(content(*artifact) == bytes);
    return store.size();
  };
  CHECK(after([](const auto& path) { std::filesystem::resize_file(path, 10); }) == 1);
  CHECK(after([](const auto& path) { std::filesystem::remove(path); }) == 1);
  CHECK(after([&](const auto& path) {
          std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
          file << std::string(bytes.size(), 'x');
        }) == 1);
  CHECK(after([](const auto& path) {
          test::write_file(path.string() + ".new", "other");
          std::filesystem::rename(path.string() + ".new", path);
        }) == 1);
}

TEST_CASE("artifact: the same path with other bytes is another artifact") { // F10
  const test::ScratchDirectory directory;
  const std::string bytes = test::read_file(TINY_MODULE);
  test::write_file(directory.file("module.so"), bytes);
  ArtifactStore store;
  const ArtifactHandle old_one = store.ingest(directory.file("module.so"));
  test::write_file(directory.file("module.so"), bytes + "appended");
  const ArtifactHandle new_one = store.ingest(directory.file("module.so"));
  CHECK(old_one->sha256() != new_one->sha256());
  CHECK(content(*old_one) == bytes);
  CHECK(store.size() == 2);
}

TEST_CASE("artifact: a stored one is found by the beginning of its hash") { // F1
  ArtifactStore store;
  const ArtifactHandle artifact = store.ingest(TINY_MODULE);
  CHECK(store.find("sha256:" + artifact->sha256()) == artifact);
  CHECK(store.find(artifact->sha256().substr(0, 8)) == artifact);
  const auto code = [&](const std::string& hash) {
    try {
      (void)store.find(hash);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::system;
  };
  CHECK(code("sha256:1234567") == ErrorCode::invalid_argument);
  CHECK(code("sha256:ABCDEF01") == ErrorCode::invalid_argument);
  CHECK(code("sha256:" + std::string(65, '0')) == ErrorCode::invalid_argument);
  std::string other = artifact->sha256();
  other[7] = other[7] == '0' ? '1' : '0';
  CHECK(code(other) == ErrorCode::not_found);
}

TEST_CASE("artifact: a file that is no module for this machine is refused by name and reason") { // F1, fault 23
  const std::string good = test::read_file(TINY_MODULE);
  const Elf64_Ehdr header = header_of(good);
  const auto with = [&](auto change) { return changed<Elf64_Ehdr>(good, 0, change); };
  const auto with_segment = [&](auto change) { return changed<Elf64_Phdr>(good, header.e_phoff, change); };
  struct Row {
    std::string bytes;
    std::string_view reason;
  };
  const Row table[] = {
      {"", "the file is empty"},
      {"#!/bin/sh\n", "not an ELF file"},
      {"\x7f"
       "EL",
       "not an ELF file"},
      {good.substr(0, 40), "truncated: the ELF header"},
      {good.substr(0, 100), "truncated: the program header table"},
      {good.substr(0, 1'000), "truncated: segment"},
      {good.substr(0, good.size() - 1), "truncated: the section table"},
      {with([](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "32-bit"},
      {with([](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = 9; }), "another ELF class"},
      {with([](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }), "another byte order"},
      {with([](Elf64_Ehdr& h) { h.e_ident[EI_VERSION] = 2; }), "ELF version 2"},
      {with([](Elf64_Ehdr& h) { h.e_machine = EM_RISCV; }), "built for RISC-V"},
      {with([](Elf64_Ehdr& h) { h.e_machine = 4'711; }), "built for machine 4711"},
      {with([](Elf64_Ehdr& h) { h.e_type = ET_REL; }), "an object file, not a shared object"},
      {with([](Elf64_Ehdr& h) { h.e_type = ET_EXEC; }), "an executable, not a shared object"},
      {with([](Elf64_Ehdr& h) { h.e_type = ET_CORE; }), "a core dump, not a shared object"},
      {with([](Elf64_Ehdr& h) { h.e_phnum = 0; }), "no loadable or no dynamic segment"},
      {with([](Elf64_Ehdr& h) { h.e_phentsize = 8; }), "the program header table has entries of 8 bytes"},
      {with([](Elf64_Ehdr& h) { h.e_phoff = ~0ULL; }), "truncated: the program header table"},
      {with([](Elf64_Ehdr& h) { h.e_shoff = ~0ULL - 8; }), "truncated: the section table"},
      {with_segment([](Elf64_Phdr& s) { s.p_offset = ~0ULL; }), "truncated: segment 0"},
      {with_segment([](Elf64_Phdr& s) { s.p_filesz = ~0ULL; }), "truncated: segment 0"},
      {with_segment([](Elf64_Phdr& s) { s.p_memsz = 1; }), "larger in the file than in memory"},
  };
  for (const Row& row : table) {
    const auto [code, text] = refusal(row.bytes);
    CAPTURE(text);
    CAPTURE(row.reason);
    CHECK(code == ErrorCode::bad_module);
    CHECK(text.find(row.reason) != std::string::npos);
  }
}

TEST_CASE("artifact: a file cut short anywhere is refused") { // fault 23
  const std::string good = test::read_file(TINY_MODULE);
  const std::span<const std::byte> image = std::as_bytes(std::span(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(check_elf_image(image.first(size), "x.so"), Error);
  }
  CHECK_NOTHROW(check_elf_image(image, "x.so"));
}

TEST_CASE("artifact: a path that is no readable file is refused by name") { // F1
  const test::ScratchDirectory directory;
  ArtifactStore store;
  const auto code = [&](const std::string& path) {
    try {
      (void)store.ingest(path);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find(path) != std::string::npos);
      return error.code();
    }
    return ErrorCode::system;
  };
  CHECK(code(directory.file("gone.so")) == ErrorCode::not_found);
  CHECK(code(directory.path().string()) == ErrorCode::invalid_argument);
  CHECK(code("/dev/null") == ErrorCode::invalid_argument);
  REQUIRE(::mkfifo(directory.file("fifo.so").c_str(), 0600) == 0);
  CHECK(code(directory.file("fifo.so")) == ErrorCode::invalid_argument);
}

TEST_CASE("artifact: 300 random corruptions are stored or refused, and the store goes on") { // fault 23
  const std::string good = test::read_file(TINY_MODULE);
  const test::ScratchDirectory directory;
  ArtifactStore store;
  std::uint64_t seed = 23;
  const auto random = [&seed] {
    return seed = seed * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407, seed >> 33;
  };
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good;
    const std::uint64_t reach = round % 2 == 0 ? 512 : bytes.size() - 8; // every other one hits the headers
    const std::uint64_t at = random() % reach;
    for (std::uint64_t index = 0; index < 8; ++index) {
      bytes[at + index] = static_cast<char>(random());
    }
    test::write_file(directory.file("x.so"), bytes);
    try {
      const ArtifactHandle artifact = store.ingest(directory.file("x.so"));
      CHECK(artifact->size_bytes() == bytes.size());
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::bad_module);
      ++refused;
    }
  }
  CHECK(refused > 0);
  CHECK(store.size() == 0);
  CHECK_NOTHROW((void)store.ingest(TINY_MODULE));
}

TEST_CASE("artifact: threads that store the same file at once get the same artifact") {
  ArtifactStore store;
  std::vector<ArtifactHandle> handles(4);
  {
    std::vector<std::jthread> threads;
    for (ArtifactHandle& handle : handles) {
      threads.emplace_back([&] { handle = store.ingest(TINY_MODULE); });
    }
  }
  for (const ArtifactHandle& handle : handles) {
    CHECK(handle == handles.front());
  }
}
