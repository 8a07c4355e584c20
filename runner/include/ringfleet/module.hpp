#pragma once

// The installed spelling <ringfleet/module.hpp> for builds against the source tree: -I runner/include. Not installed.

#include "../../module.hpp"
