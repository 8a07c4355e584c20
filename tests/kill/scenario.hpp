#pragma once

// What is killed and how it is judged. A world is a piece of shared memory together with everybody who uses it: the one
// who is about to die, and the survivors with all that they remember. It is made the same way again and again, on
// different memory, so that survivors who lived through the death can be put before any image that it left:
//
//   make the world → put the image into its memory → recover → verdict

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace ringfleet::kill {

// `outcome`: how much of what the operation promises has come true for the survivors. It never goes back while the
// operation advances, and a second death does not change it.
struct Verdict {
  std::string wrong = {}; // empty: every message is there exactly once and whole, and everything is usable again
  std::uint64_t outcome = 0;
};

class World {
public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  // By the one who dies, in a process of its own. Every instruction of it is where the death may strike.
  virtual void operate() = 0;
  // What survivors do when they know of the death. Whoever does it may die in it, so it is done again; and when it is
  // complete, doing it again changes nothing.
  virtual void recover() = 0;
  // The survivors read what is left, go on working, and count.
  virtual Verdict verdict() = 0;
  // The outcome when the operation has come to its end.
  [[nodiscard]] virtual std::uint64_t promised() const = 0;
};

// The memory is the same for every call, 4096-byte aligned, `bytes` long and of any content.
struct Scenario {
  std::string name;
  std::size_t bytes;
  std::function<std::unique_ptr<World>(std::span<std::byte> memory)> make;
};

// `W(memory, arguments…)` with a nested `Memory`, which is what lies in shared memory.
template <class W, class... Arguments>
[[nodiscard]] Scenario scenario_of(std::string name, const Arguments&... arguments) {
  return {.name = std::move(name),
          .bytes = sizeof(typename W::Memory),
          .make = [arguments...](std::span<std::byte> memory) -> std::unique_ptr<World> {
            return std::make_unique<W>(*reinterpret_cast<typename W::Memory*>(memory.data()), arguments...);
          }};
}

} // namespace ringfleet::kill
