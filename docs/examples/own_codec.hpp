#pragma once

// A codec of one's own: text, as its bytes.

#include <ringfleet/codec/codec.hpp>

#include <cstring>
#include <string>

struct Note {
  std::string text;
};

template <>
struct ringfleet::codec::Codec<Note> {
  using Value = Note;

  static std::size_t bound(const Note& note) { return note.text.size(); }
  static Encoded encode(const Note& note, std::span<std::byte> out) {
    if (out.size() < note.text.size()) {
      return std::nullopt;
    }
    std::memcpy(out.data(), note.text.data(), note.text.size());
    return out.first(note.text.size());
  }
  static bool decode(std::span<const std::byte> in, Note& note) {
    note.text.assign(reinterpret_cast<const char*>(in.data()), in.size());
    return true;
  }
  static Fingerprint fingerprint() { return FingerprintMaker().add("note 1").value(); }
};
