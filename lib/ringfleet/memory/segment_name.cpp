#include "ringfleet/memory/segment_name.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"

#include <fmt/format.h>

namespace ringfleet::memory {
namespace {

constexpr std::string_view joints = ":@";

bool is_word_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

std::string printed(char c) {
  return c >= ' ' && c <= '~' ? fmt::format("'{}'", c) : fmt::format("the byte {:#04x}", static_cast<unsigned char>(c));
}

// As it may stand in a line of text.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name) {
    text += c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

// What is wrong with one word; empty when nothing is.
std::string fault_of(std::string_view word) {
  if (word.empty()) {
    return "it is empty";
  }
  if (word.front() == '.') {
    return "it begins with a dot";
  }
  for (const char c : word) {
    if (!is_word_character(c)) {
      return "it contains " + printed(c);
    }
  }
  return {};
}

[[noreturn]] void refuse(std::string_view what, std::string_view name, const std::string& reason) {
  throw Error(ErrorCode::invalid_argument, fmt::format("{} '{}': {}", what, shown(name), reason),
              fmt::format("use 1 to {} letters, digits, '.', '_' or '-', not beginning with a dot",
                          limits::segment_name_bytes_max));
}

void check_length(std::string_view what, std::string_view name) {
  if (name.size() > limits::segment_name_bytes_max) {
    refuse(what, name, fmt::format("it has {} bytes", name.size()));
  }
}

} // namespace

void check_segment_word(std::string_view what, std::string_view word) {
  check_length(what, word);
  if (const auto fault = fault_of(word); !fault.empty()) {
    refuse(what, word, fault);
  }
}

void check_segment_name(std::string_view name) {
  check_length("name", name);
  std::string_view rest = name;
  while (true) {
    const auto joint = rest.find_first_of(joints);
    const auto word = rest.substr(0, joint);
    if (const auto fault = fault_of(word); !fault.empty()) {
      refuse("name", name,
             word.size() == name.size() ? fault : fmt::format("in its part '{}': {}", shown(word), fault));
    }
    if (joint == std::string_view::npos) {
      return;
    }
    rest.remove_prefix(joint + 1);
  }
}

std::string tagged_name(std::string_view name, std::string_view tag) {
  check_segment_name(name);
  check_segment_word("tag", tag);
  if (name.find('@') != std::string_view::npos) {
    refuse("name", name, "it has a tag already");
  }
  auto tagged = fmt::format("{}@{}", name, tag);
  check_segment_name(tagged);
  return tagged;
}

EngineNames::EngineNames(std::string_view engine, std::string_view tag) : engine_(engine), tag_(tag) {
  check_segment_word("engine name", engine);
  if (!tag.empty()) {
    check_segment_word("tag", tag);
  }
  check_segment_name(from_runner(UINT32_MAX)); // the longest: an engine that fits has room for every runner
}

std::string EngineNames::joined(std::string_view part) const {
  return tag_.empty() ? fmt::format("{}:{}", engine_, part) : fmt::format("{}:{}@{}", engine_, part, tag_);
}

std::string EngineNames::broadcast() const {
  return joined("all");
}
std::string EngineNames::gather() const {
  return joined("in");
}
std::string EngineNames::to_runner(std::uint32_t number) const {
  return joined(fmt::format("to:{}", number));
}
std::string EngineNames::from_runner(std::uint32_t number) const {
  return joined(fmt::format("from:{}", number));
}
std::string EngineNames::runner_id(std::uint32_t number) {
  return fmt::format("runner-{}", number);
}

} // namespace ringfleet::memory
