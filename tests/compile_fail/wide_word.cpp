// says: SharedWord
// An atomic of 16 bytes may be a lock, or write where it only reads, and fault on a read-only mapping.
#include "ringfleet/base/atomics.hpp"

#ifdef CONTROL
using Word = unsigned long;
#else
__extension__ using Word = unsigned __int128;
#endif

Word read_from(const Word& word) {
  return ringfleet::Atomics::load_acquire(word);
}
