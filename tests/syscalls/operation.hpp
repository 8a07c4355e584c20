#pragma once

// One operation of the library that the matrix disturbs: what must be there before, the act itself, what must be true
// after it whether or not it succeeded, and how a survivor clears up. Each name of an operation is a row of the matrix.

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ringfleet::test {

// What the driver gives: a directory of this case alone, and a word that no other case uses for names in /dev/shm.
struct Surroundings {
  std::string directory;
  std::string word;
};

class Operation {
public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  virtual void prepare() {}
  // Makes and destroys. Throws ringfleet::Error when it cannot, and nothing else.
  virtual void act() = 0;
  // After the act: throws std::runtime_error when what was there before does not serve on.
  virtual void check_that_the_rest_serves_on() {}
  // May a failed act leave a whole ring that the next one continues? Where not, it leaves no file at all.
  [[nodiscard]] virtual bool may_leave_a_ring() const { return false; }
  // Does it open lanes or arenas that are kept for later calls?
  [[nodiscard]] virtual bool may_keep_lanes() const { return false; }
};

using MakeOperation = std::function<std::unique_ptr<Operation>(const Surroundings&)>;

[[nodiscard]] std::map<std::string, MakeOperation> transport_operations();
[[nodiscard]] std::map<std::string, MakeOperation> fleet_operations();

} // namespace ringfleet::test
