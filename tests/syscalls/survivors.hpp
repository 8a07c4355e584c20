#pragma once

// The other side of an operation that is killed: a reader whose publisher dies, a publisher whose reader dies, a fleet
// whose client dies, a client whose fleet deploys. The victim is a process that the survivor starts and that plays the
// operation of the same name.

#include "deploy.hpp"
#include "operation.hpp"

#include <string>
#include <vector>

namespace ringfleet::test {

// `victim`: a command and its arguments, run to its end. Throws std::runtime_error when the survivor does not go on, or
// its ledger is not exact.
Tally survive(const std::string& operation, const Surroundings& here, const std::vector<std::string>& victim);

} // namespace ringfleet::test
