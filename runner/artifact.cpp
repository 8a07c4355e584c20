#include "artifact.hpp"

#include "load_error.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include <elf.h>
#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using call::LoadFailure;

constexpr std::uint16_t own_machine =
#if defined(__x86_64__)
    EM_X86_64;
#elif defined(__aarch64__)
    EM_AARCH64;
#else
#error "name the ELF machine of this processor"
#endif
constexpr unsigned char own_byte_order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

template <typename T>
T read_at(std::span<const std::byte> file, std::uint64_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

void expect_inside(std::span<const std::byte> file, std::uint64_t offset, std::uint64_t bytes, const char* what) {
  if (offset > file.size() || bytes > file.size() - offset) {
    throw LoadError(LoadFailure::truncated, fmt::format("the file is cut off: {} would end at byte {}, but it has {}",
                                                        what, offset + bytes, file.size()));
  }
}

} // namespace

void inspect_artifact(std::span<const std::byte> file) {
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    throw LoadError(LoadFailure::not_elf, "not a shared object: it does not begin with an ELF header");
  }
  expect_inside(file, 0, sizeof(Elf64_Ehdr), "the ELF header");
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != own_byte_order ||
      header.e_machine != own_machine) {
    throw LoadError(LoadFailure::wrong_machine,
                    fmt::format("built for another machine: ELF class {}, byte order {}, machine {}; this runner "
                                "needs class {}, byte order {}, machine {}",
                                header.e_ident[EI_CLASS], header.e_ident[EI_DATA], header.e_machine, ELFCLASS64,
                                own_byte_order, own_machine));
  }
  if (header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr)) {
    throw LoadError(LoadFailure::not_shared_object,
                    fmt::format("an ELF file, but not a shared object (type {}); link it with -shared", header.e_type));
  }
  expect_inside(file, header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr), "the program headers");
  for (std::uint16_t index = 0; index < header.e_phnum; ++index) {
    const auto segment = read_at<Elf64_Phdr>(file, header.e_phoff + std::uint64_t{index} * sizeof(Elf64_Phdr));
    if (segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC) {
      expect_inside(file, segment.p_offset, segment.p_filesz, "a segment");
    }
  }
  if (header.e_shoff != 0) {
    expect_inside(file, header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize, "the section headers");
  }
}

} // namespace ringfleet::runner
