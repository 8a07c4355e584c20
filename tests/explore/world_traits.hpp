#pragma once

// What a world says of each of its processes; what it need not say has a default.

namespace ringfleet::explore {

struct Traits {
  bool is_mortal = false;
  unsigned group = 0;
  bool is_impatient = false;
};
template <class World>
[[nodiscard]] Traits traits_of(const World& world, unsigned process) {
  Traits traits{world.is_mortal(process), process, false};
  if constexpr (requires { world.group(process); }) {
    traits.group = world.group(process);
  }
  if constexpr (requires { world.is_impatient(process); }) {
    traits.is_impatient = world.is_impatient(process);
  }
  return traits;
}

} // namespace ringfleet::explore
