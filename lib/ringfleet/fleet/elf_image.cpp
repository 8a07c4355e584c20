#include "ringfleet/fleet/elf_image.hpp"

#include "ringfleet/base/error.hpp"

#include <cstdint>
#include <cstring>

#include <elf.h>
#include <link.h>

#include <fmt/format.h>

namespace ringfleet::fleet {
namespace {

// `ElfW` is the class of this process, which is what its runners can load.
using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);

constexpr unsigned char native_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned char native_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
#if defined(__x86_64__)
constexpr unsigned native_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned native_machine = EM_AARCH64;
#else
#error "name the ELF machine of this architecture here"
#endif

std::string machine_name(unsigned machine) {
  switch (machine) {
  case EM_386: return "x86 (32 bit)";
  case EM_X86_64: return "x86-64";
  case EM_ARM: return "ARM (32 bit)";
  case EM_AARCH64: return "AArch64";
  case EM_RISCV: return "RISC-V";
  case EM_PPC64: return "PowerPC64";
  default: return fmt::format("machine {}", machine);
  }
}

std::string_view type_name(unsigned type) noexcept {
  switch (type) {
  case ET_REL: return "an object file";
  case ET_EXEC: return "an executable";
  case ET_CORE: return "a core dump";
  default: return "no known kind of ELF file";
  }
}

class Check {
public:
  Check(std::span<const std::byte> image, std::string_view file) : image_(image), file_(file) {}

  void run() const {
    if (image_.empty()) {
      refuse("the file is empty", "build the module again");
    }
    if (image_.size() < SELFMAG || std::memcmp(image_.data(), ELFMAG, SELFMAG) != 0) {
      refuse("not an ELF file", "a module is a shared object, built with -shared -fPIC");
    }
    if (image_.size() < sizeof(Header)) {
      refuse_truncated("the ELF header", sizeof(Header));
    }
    const auto header = at<Header>(0);
    check_kind(header);
    check_segments(header);
    // dlopen ignores the section table, but a file that was cut short anywhere usually lacks it: linkers put it last.
    if (header.e_shoff != 0) {
      check_table("the section table", header.e_shoff, header.e_shnum, header.e_shentsize, sizeof(Section));
    }
  }

private:
  [[noreturn]] void refuse(std::string_view why, std::string_view advice) const {
    throw Error(ErrorCode::bad_module, fmt::format("module '{}': {}", file_, why), std::string(advice));
  }
  [[noreturn]] void refuse_truncated(std::string_view part, std::uint64_t end) const {
    refuse(fmt::format("truncated: {} ends at byte {} of {}", part, end, image_.size()),
           "copy or build the module again");
  }

  // In range by the checks before.
  template <typename T>
  [[nodiscard]] T at(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, image_.data() + offset, sizeof(T));
    return value;
  }

  void check_kind(const Header& header) const {
    if (header.e_ident[EI_CLASS] != native_class) {
      refuse(header.e_ident[EI_CLASS] == ELFCLASS32 ? "a 32-bit ELF file" : "of another ELF class",
             fmt::format("build it for {}", machine_name(native_machine)));
    }
    if (header.e_ident[EI_DATA] != native_order) {
      refuse("of another byte order", fmt::format("build it for {}", machine_name(native_machine)));
    }
    if (header.e_ident[EI_VERSION] != EV_CURRENT) {
      refuse(fmt::format("ELF version {} is unknown", header.e_ident[EI_VERSION]), "build the module again");
    }
    if (header.e_machine != native_machine) {
      refuse(fmt::format("built for {}", machine_name(header.e_machine)),
             fmt::format("build it for {}", machine_name(native_machine)));
    }
    if (header.e_type != ET_DYN) {
      refuse(fmt::format("{}, not a shared object", type_name(header.e_type)), "link it with -shared");
    }
  }

  void check_segments(const Header& header) const {
    check_table("the program header table", header.e_phoff, header.e_phnum, header.e_phentsize, sizeof(Segment));
    bool loads = false;
    bool dynamic = false;
    for (std::uint64_t index = 0; index < header.e_phnum; ++index) {
      const auto segment = at<Segment>(header.e_phoff + index * sizeof(Segment));
      if (segment.p_type == PT_NULL) {
        continue;
      }
      if (segment.p_filesz > image_.size() || segment.p_offset > image_.size() - segment.p_filesz) {
        refuse(fmt::format("truncated: segment {} needs {} bytes from byte {}, the file has {}", index,
                           segment.p_filesz, segment.p_offset, image_.size()),
               "copy or build the module again");
      }
      if (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz) {
        refuse(fmt::format("segment {} is larger in the file than in memory", index), "build the module again");
      }
      loads = loads || segment.p_type == PT_LOAD;
      dynamic = dynamic || segment.p_type == PT_DYNAMIC;
    }
    if (!loads || !dynamic) {
      refuse("no loadable or no dynamic segment", "link it with -shared");
    }
  }

  void check_table(std::string_view part, std::uint64_t offset, std::uint64_t count, std::uint64_t entry_bytes,
                   std::uint64_t entry_expected) const {
    if (count != 0 && entry_bytes != entry_expected) {
      refuse(fmt::format("{} has entries of {} bytes instead of {}", part, entry_bytes, entry_expected),
             "build the module again");
    }
    const std::uint64_t table_bytes = count * entry_expected; // 16-bit count
    if (table_bytes > image_.size() || offset > image_.size() - table_bytes) {
      refuse_truncated(part, offset + table_bytes);
    }
  }

  std::span<const std::byte> image_;
  std::string_view file_;
};

} // namespace

void check_elf_image(std::span<const std::byte> image, std::string_view file) {
  Check(image, file).run();
}

} // namespace ringfleet::fleet
