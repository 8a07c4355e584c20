#pragma once

// The identity of this boot of the machine. Pids and start times repeat after a reboot, and counter files survive one
// when the runtime directory does not lie in a tmpfs.

namespace ringfleet::counter::detail {

// Zero when the kernel does not tell: then every boot looks the same.
void boot_id(unsigned char (&id)[16]) noexcept;

} // namespace ringfleet::counter::detail
