// says: constraint
#include "ringfleet/channel/subscriber.hpp"

struct Note {
  char text[16];
};

template <>
struct ringfleet::codec::Codec<Note> {
  using Value = Note;
  static std::size_t bound(const Note&) { return sizeof(Note); }
  static Encoded encode(const Note&, std::span<std::byte> out) { return out.first(sizeof(Note)); }
  static bool decode(std::span<const std::byte>, Note&) { return true; }
#ifdef CONTROL
  static Fingerprint fingerprint() { return FingerprintMaker().add("note 1").value(); }
#endif // without it nobody could tell another schema from this one
};

void read(ringfleet::Subscriber<Note>& in) {
  (void)in.poll([](const Note&) {});
}
