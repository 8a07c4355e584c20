// Any bytes as a module file: refused by name, or every part that its headers name lies inside.

#include "ringfleet/fleet/elf_image.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"

#include <elf.h>
#include <link.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = std::as_bytes(std::span(data, size));
  try {
    fleet::check_elf_image(image, "fuzzed.so");
  } catch (const Error& error) {
    require(error.code() == ErrorCode::bad_module, "a bad module is refused as one");
    require(std::string_view(error.what()).find("fuzzed.so") != std::string_view::npos, "the refusal names the file");
    return 0;
  }
  ElfW(Ehdr) header;
  require(image.size() >= sizeof header, "an accepted image holds its header");
  std::memcpy(&header, image.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    require(image.size() - sizeof segment >= header.e_phoff + i * sizeof segment, "a program header lies inside");
    std::memcpy(&segment, image.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type != PT_NULL) {
      require(segment.p_filesz <= image.size() && segment.p_offset <= image.size() - segment.p_filesz,
              "a segment lies inside");
    }
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  ElfW(Ehdr) header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_version = EV_CURRENT;
#if defined(__x86_64__)
  header.e_machine = EM_X86_64;
#else
  header.e_machine = EM_AARCH64;
#endif
  header.e_ehsize = sizeof header;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(ElfW(Phdr));
  header.e_phnum = 2;
  header.e_shoff = sizeof header + 2 * sizeof(ElfW(Phdr));
  header.e_shentsize = sizeof(ElfW(Shdr));
  header.e_shnum = 1;
  ElfW(Phdr) load{};
  load.p_type = PT_LOAD;
  load.p_filesz = load.p_memsz = sizeof header;
  ElfW(Phdr) dynamic = load;
  dynamic.p_type = PT_DYNAMIC;
  InputMaker whole;
  whole.add(header).add(load).add(dynamic).add(ElfW(Shdr){});
  header.e_shoff = 0;
  InputMaker without_sections;
  without_sections.add(header).add(load).add(dynamic);
  return {whole.make(), without_sections.make(), InputMaker().add(header).make()};
}
