// The files of a ring with a name, as a death, a full disk or anybody may have left them: changed, cut, gone, in each
// other's place. They are listed, attached to, continued, replaced and removed, in any order. Each of that is refused
// by name or works: a reader gets along with what is there, the owner of a ring publishes and is read. No descriptor is
// left, and what was removed is gone.

#include "repaired.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/frame_writer.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/ring_listing.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using frame::FrameBlock;

namespace {

constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin};
constexpr std::array parts{"ring", "ring+members", "ring+arena"};
using Files = std::map<std::string, Bytes>;

enum Deed : std::uint8_t { look_at, attach_to, continue_it, replace, take_away, deeds };
enum Change : std::uint8_t { scribbled, cut, gone, exchanged, unfinished, changes };

struct One {
  using Reader = ring::Reader<FrameBlock>;
  static constexpr auto producers = ring::Producers::one;
  static auto memory(const ring::RingSpace& space) { return space.memory<FrameBlock>(); }
  static auto producer(const ring::RingSpace& space) {
    return std::optional(ring::Producer<FrameBlock>(memory(space), spins));
  }
};
struct Many {
  using Reader = ring::SharedReader<FrameBlock>;
  static constexpr auto producers = ring::Producers::many;
  static auto memory(const ring::RingSpace& space) { return space.shared_memory<FrameBlock>(); }
  static auto producer(const ring::RingSpace& space) {
    return ring::SharedProducer<FrameBlock>::join(memory(space), ring::owner_identity(os::own_identity()),
                                                  ring::is_surely_dead_producer, spins);
  }
};

// Where this process keeps them.
class Folder {
public:
  Folder() : path_("/tmp/ringfleet-fuzz-files-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] memory::Place place() const { return memory::Place::file(path_ + "/ring"); }
  void put(const Files& files) const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::filesystem::remove(entry);
    }
    for (const auto& [name, bytes] : files) {
      std::ofstream(path_ + "/" + name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      std::filesystem::permissions(path_ + "/" + name, std::filesystem::perms(0600));
    }
  }
  [[nodiscard]] Files get() const {
    Files files;
    for (const auto* name : parts) {
      std::ifstream file(path_ + "/" + name, std::ios::binary);
      files[name] = Bytes(std::istreambuf_iterator<char>(file), {});
    }
    return files;
  }
  [[nodiscard]] bool has_a_ring() const {
    return std::ranges::any_of(parts, [&](const char* name) { return std::filesystem::exists(path_ + "/" + name); });
  }

private:
  std::string path_;
};

ring::RingSpec spec(const Folder& folder, ring::Producers producers, ring::Existing existing) {
  return {.place = folder.place(),
          .unit_bytes = sizeof(FrameBlock),
          .capacity = 8,
          .members = 3,
          .fingerprint = 77,
          .producers = producers,
          .arena_bytes = page_bytes,
          .existing = existing};
}

void touch_all(const ring::RingSpace& space) {
  const auto& facts = space.facts();
  require(facts.members >= 1 && facts.members <= limits::ring_members_max, "members within the limit");
  require(space.units().size() == facts.capacity * facts.unit_bytes, "as many units as the facts say");
  touch(space.units());
  for (std::uint32_t number = 1; number <= facts.arenas; ++number) {
    touch(space.arena(number));
  }
  touch(std::as_bytes(space.members().readers));
  (void)space.owner();
}

// Of whatever is there; how many there are.
template <class Kind>
std::uint64_t read_frames(const ring::RingSpace& space, ring::JoinFrom from, bool publishes_between) {
  auto blocks = Kind::Reader::join(Kind::memory(space), 0, {.from = from}, spins);
  if (!blocks || space.facts().capacity < frame::frame_capacity_min) {
    return 0;
  }
  frame::FrameReader<typename Kind::Reader> reader(*blocks, {.max_message = 500});
  if (publishes_between) {
    if (auto producer = Kind::producer(space)) {
      frame::FrameWriter<std::remove_reference_t<decltype(*producer)>> writer(*producer, {.max_message = 500});
      const std::array<std::byte, 20> message{};
      (void)writer.write(message);
    }
  }
  std::uint64_t number = 0;
  for (int polls = 0; polls < 3; ++polls) {
    number += reader.poll([](const frame::View& view) { touch(view.bytes); }).messages;
  }
  blocks->leave();
  return number;
}

template <class Kind>
void do_it(Deed deed, const Folder& folder) {
  switch (deed) {
  case look_at:
    for (const auto& found : ring::list_file_rings(folder.place().directory())) {
      require(found.members_alive <= found.members && found.members <= limits::ring_members_max,
              "members there can be");
      require(!found.files.empty(), "a ring that was found has files");
    }
    break;
  case attach_to: {
    const auto space = ring::RingSpace::attach(
        folder.place(), {.unit_bytes = sizeof(FrameBlock), .fingerprint = 77, .producers = Kind::producers});
    touch_all(space);
    (void)read_frames<Kind>(space, ring::JoinFrom::oldest, false);
    break;
  }
  case continue_it:
  case replace: {
    const auto how = deed == replace ? ring::Existing::replace : ring::Existing::continue_it;
    const auto space = ring::RingSpace::create(spec(folder, Kind::producers, how));
    require(space.owner().state == ring::OwnerState::owned, "a ring that was made is owned");
    touch_all(space);
    const auto number = read_frames<Kind>(space, ring::JoinFrom::latest, true);
    require(deed != replace || number == 1, "what is published on a new ring is read");
    break;
  }
  default: ring::remove_ring(folder.place()); require(!folder.has_a_ring(), "what was removed is gone");
  }
}

void change(Files& files, Input& input) {
  auto& file = files[parts[input.take<std::uint8_t>() % parts.size()]];
  switch (input.take<std::uint8_t>() % changes) {
  case scribbled: scribble_at_a_beginning(file, input); break;
  case cut: file.resize(input.take<std::uint16_t>() % (4 * page_bytes)); break;
  case gone: file.clear(); break;
  case exchanged: std::swap(file, files[parts[input.take<std::uint8_t>() % parts.size()]]); break;
  default: files["ring.new"] = file;
  }
}

template <class Kind>
Files honest_files(const Folder& folder) {
  {
    const auto space = ring::RingSpace::create(spec(folder, Kind::producers, ring::Existing::replace));
    require(read_frames<Kind>(space, ring::JoinFrom::latest, true) == 1, "an honest ring is read");
  }
  return folder.get();
}

template <class Kind>
void play(Input& input, const Folder& folder) {
  static const auto honest = honest_files<Kind>(folder);
  auto files = honest;
  const auto flags = input.take<std::uint8_t>();
  std::array<Deed, 3> wanted;
  for (auto& deed : wanted) {
    deed = static_cast<Deed>(input.take<std::uint8_t>() % deeds);
  }
  while (!input.empty()) {
    change(files, input);
  }
  for (auto& [name, bytes] : files) {
    repair(bytes, flags, name == parts[0]);
  }
  std::erase_if(files, [](const auto& file) { return file.second.empty(); });
  folder.put(files);
  for (const auto deed : wanted) {
    try {
      do_it<Kind>(deed, folder);
    } catch (const Error& error) {
      require(std::string_view(error.what()).find(folder.place().name()) != std::string_view::npos,
              "a refusal names the ring");
    }
  }
}

int next_descriptor() {
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  return next;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  Input input(data, size);
  const int before = next_descriptor();
  if (input.take<std::uint8_t>() % 2 == 0) {
    play<One>(input, folder);
  } else {
    play<Many>(input, folder);
  }
  require(next_descriptor() == before, "no descriptor is left");
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  std::vector<Bytes> all;
  for (const std::uint8_t kind : {std::uint8_t{0}, std::uint8_t{1}}) {
    const auto begin = [&](std::uint8_t flags, Deed first, Deed second, Deed third) {
      return InputMaker().add(kind).add(flags).add(first).add(second).add(third);
    };
    for (const auto deed : {look_at, attach_to, continue_it, replace, take_away}) {
      all.push_back(begin(0, deed, look_at, continue_it).make());
      for (std::uint8_t part = 0; part < parts.size(); ++part) {
        all.push_back(begin(0, deed, look_at, take_away).add(part).add(gone).make());
        all.push_back(begin(repair_header | adapt_size, deed, look_at, replace)
                          .add(part)
                          .add(cut)
                          .add(std::uint16_t{2 * page_bytes})
                          .make());
        all.push_back(begin(0, deed, look_at, take_away)
                          .add(part)
                          .add(exchanged)
                          .add(static_cast<std::uint8_t>((part + 1U) % parts.size()))
                          .make());
      }
      all.push_back(begin(0, deed, take_away, look_at).add(std::uint8_t{0}).add(unfinished).make());
      // The capacity, the size of a unit, the number of members; cursors; the layout; the owner line.
      for (const int at : {0, 8, 12, 32, 128, 136}) {
        all.push_back(begin(repair_header | repair_shape, deed, attach_to, continue_it)
                          .add(std::uint8_t{0})
                          .add(scribbled)
                          .add(std::uint8_t{1})
                          .add(std::uint8_t{3})
                          .add(static_cast<std::uint16_t>(at))
                          .add(std::uint64_t{2})
                          .make());
      }
    }
  }
  return all;
}
