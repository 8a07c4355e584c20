#pragma once

// How --help looks: our own layout of what CLI11 knows, the same with every version of it.

namespace CLI {
class App;
} // namespace CLI

namespace ringfleet::cli {

// Installs the layout for the application and every command that is added afterwards.
void use_own_help(CLI::App& app);

} // namespace ringfleet::cli
