#pragma once

// Names of rings and other named segments. One rule for shared memory and files, so that a name that works in one place
// works in the other:
//
//   name := word { (':' | '@') word }     at most limits::segment_name_bytes_max bytes
//   word := letter | digit | '_' | '-' | '.', one or more, not beginning with a dot
//
// People choose words. ':' joins the parts of a layout and '@' tags a run; the helpers below add them and refuse them
// in what they are given, so two different requests never come to the same name. '+' never appears in a name: it
// divides it from the parts that a ring consists of (see place.hpp).

#include <cstdint>
#include <string>
#include <string_view>

namespace ringfleet::memory {

// Each throws Error(invalid_argument) naming the name and what is wrong with it: empty, too long, a character that is
// not allowed, a word that is empty or begins with a dot.
void check_segment_name(std::string_view name);
void check_segment_word(std::string_view what, std::string_view word);

// "ticks@run17": several runs of one program side by side.
[[nodiscard]] std::string tagged_name(std::string_view name, std::string_view tag);

// The rings of one engine and its N runners. Every name is distinct, for all engines and tags.
class EngineNames {
public:
  // `tag` may be empty.
  explicit EngineNames(std::string_view engine, std::string_view tag = {});

  [[nodiscard]] std::string broadcast() const;                       // "engine:all": one ring that every runner reads
  [[nodiscard]] std::string gather() const;                          // "engine:in": one ring that every runner writes
  [[nodiscard]] std::string to_runner(std::uint32_t number) const;   // "engine:to:3"
  [[nodiscard]] std::string from_runner(std::uint32_t number) const; // "engine:from:3"
  [[nodiscard]] static std::string runner_id(std::uint32_t number);  // "runner-3": its stable id as a member

private:
  [[nodiscard]] std::string joined(std::string_view part) const;

  std::string engine_;
  std::string tag_;
};

} // namespace ringfleet::memory
