// The rows of the transport: segments, rings, channels, and a child process.

#include "operation.hpp"
#include "small_channel.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/child_process.hpp"
#include "ringfleet/os/mapping_options.hpp"
#include "ringfleet/ring/ring_listing.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <unistd.h>

namespace ringfleet::test {
namespace {

constexpr std::uint64_t number_fingerprint = 0x5ca11;

void require(bool holds, const char* what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

class SegmentOfAFile final : public Operation {
public:
  explicit SegmentOfAFile(const Surroundings& here) : path_(here.directory + "/segment") {}
  void act() override {
    const memory::SegmentSpec spec{.kind = memory::SegmentKind::counters, .body_bytes = 4096, .fingerprint = 7};
    const memory::Expectation expected{.kind = spec.kind, .body_bytes_min = 4096, .fingerprint = 7};
    ::unlink(path_.c_str()); // of a process that was killed before it had removed it
    const auto made = memory::Segment::create_file(path_, spec);
    const struct Removed {
      const std::string& path;
      ~Removed() { ::unlink(path.c_str()); }
    } removed{path_};
    const auto read = memory::Segment::attach_file_reader(path_, expected);
    require(read.body().size() == made.body().size(), "a reader sees the whole segment");
  }

private:
  std::string path_;
};

class SegmentOfNoName final : public Operation {
public:
  void act() override {
    const memory::SegmentSpec spec{.kind = memory::SegmentKind::requests, .body_bytes = 4096, .fingerprint = 7};
    const memory::Expectation expected{.kind = spec.kind, .body_bytes_min = 4096, .fingerprint = 7};
    auto file = memory::create_anonymous_segment("matrix", spec);
    auto writer = memory::Segment::attach_writer(file.duplicate(), expected, "matrix");
    memory::seal_segment(file, "matrix");
    const auto reader = memory::Segment::attach_reader(std::move(file), expected, "matrix");
    writer.writable_body()[0] = std::byte{42};
    require(reader.body()[0] == std::byte{42}, "both see one memory");
  }
};

ring::RingSpec ring_spec(memory::Place place, ring::Producers producers) {
  ring::RingSpec spec;
  spec.place = std::move(place);
  spec.unit_bytes = 64;
  spec.capacity = 64;
  spec.members = 4;
  spec.fingerprint = number_fingerprint;
  spec.producers = producers;
  spec.arena_bytes = producers == ring::Producers::one ? 65'536 : 0;
  return spec;
}

// The machine may lack NUMA, or keep a container from it, or let this user lock nothing: such a wish is left out, for
// its refusal is what tests/memory/named_segment_test.cpp is for. Huge pages are left out: few machines have them.
os::MappingOptions wishes_of_this_machine() {
  os::MappingOptions wishes{.prefault = true};
  for (const os::MappingOptions& wish : {os::MappingOptions{.lock_memory = true}, os::MappingOptions{.numa_node = 0}}) {
    auto probe = ring_spec(memory::Place::anonymous(), ring::Producers::one);
    probe.options.mapping = wish;
    try {
      (void)ring::RingSpace::create(probe);
      wishes.lock_memory |= wish.lock_memory;
      wishes.numa_node = wish.numa_node ? wish.numa_node : wishes.numa_node;
    } catch (const Error& error) {
      std::fprintf(stderr, "left out: %s\n", error.what());
    }
  }
  return wishes;
}

ring::RingSpec placed_ring_spec(memory::Place place) {
  auto spec = ring_spec(std::move(place), ring::Producers::one);
  spec.options.mapping = wishes_of_this_machine();
  return spec;
}

// Makes it where there is none, and continues it where somebody left one.
class CreateRing : public Operation {
public:
  explicit CreateRing(ring::RingSpec spec) : spec_(std::move(spec)) {}
  void act() override {
    const auto space = ring::RingSpace::create(spec_);
    require(space.owner().state == ring::OwnerState::owned, "a ring that was made is owned");
  }
  // Where many share a lock, it is shared last, when the ring is there already.
  [[nodiscard]] bool may_leave_a_ring() const override { return spec_.producers == ring::Producers::many; }

protected:
  ring::RingSpec spec_;
};

class ContinueRing final : public CreateRing {
public:
  using CreateRing::CreateRing;
  void prepare() override { CreateRing::act(); }
  void act() override {
    const auto space = ring::RingSpace::create(spec_);
    require(spec_.existing == ring::Existing::replace || space.owner().generation > 1,
            "a ring that is there is continued, not replaced");
  }
  [[nodiscard]] bool may_leave_a_ring() const override { return true; }
};

// As `ringfleet segments ls` and `rm` do it.
class ListAndRemoveRing final : public CreateRing {
public:
  using CreateRing::CreateRing;
  void act() override {
    CreateRing::act();
    const auto found = ring::find_ring(spec_.place);
    require(found && (found->state == ring::FoundState::ended ||
                      (found->state == ring::FoundState::unknown && !found->problem.empty())),
            "a ring that was left is listed");
    ring::remove_ring(spec_.place);
  }
  [[nodiscard]] bool may_leave_a_ring() const override { return true; }
};

class AttachRing final : public Operation {
public:
  explicit AttachRing(ring::RingSpec spec) : spec_(std::move(spec)) {}
  void prepare() override { owner_ = ring::RingSpace::create(spec_); }
  void act() override {
    const auto space = ring::RingSpace::await(
        spec_.place, {.unit_bytes = 64, .fingerprint = number_fingerprint, .mapping = spec_.options.mapping},
        deadline_after(monotonic_now(), std::chrono::seconds(30)), true);
    require(space.owner().state == ring::OwnerState::owned, "its owner is seen");
  }
  void check_that_the_rest_serves_on() override {
    require(owner_.owner().state == ring::OwnerState::owned, "the owner keeps its ring");
  }
  [[nodiscard]] bool may_leave_a_ring() const override { return true; }

private:
  ring::RingSpec spec_;
  ring::RingSpace owner_;
};

template <class PublisherOf>
class Publish final : public Operation {
public:
  explicit Publish(const Surroundings& here) : name_(here.word) {}
  void act() override {
    PublisherOf out(name_, small_channel());
    for (std::uint32_t i = 0; i < messages; ++i) {
      require(out.publish(i) == channel::PublishResult::published, "a message is published");
    }
  }
  [[nodiscard]] bool may_leave_a_ring() const override { return true; }

private:
  std::string name_;
};

class Subscribe final : public Operation {
public:
  explicit Subscribe(const Surroundings& here) : name_(here.word) {}
  void prepare() override {
    publisher_.emplace(name_, small_channel());
    publish();
  }
  void act() override {
    channel::SubscriberOptions options;
    options.id = "reader";
    options.from = channel::From::oldest;
    options.wait_for_publisher = std::chrono::seconds(30);
    Subscriber<std::uint32_t> in(name_, options);
    in.poll([](std::uint32_t) {});
    (void)in.wait(deadline_after(monotonic_now(), std::chrono::milliseconds(1)));
  }
  void check_that_the_rest_serves_on() override { publish(); }
  [[nodiscard]] bool may_leave_a_ring() const override { return true; }

private:
  void publish() {
    publisher_->check_readers();
    for (std::uint32_t i = 0; i < messages; ++i) {
      require(publisher_->publish(i) == channel::PublishResult::published, "the publisher goes on");
    }
  }

  std::string name_;
  std::optional<Publisher<std::uint32_t>> publisher_;
};

class Spawn final : public Operation {
public:
  void act() override {
    os::SpawnRequest request;
    request.path = "/bin/true";
    request.argv = {"true"};
    request.descriptors = {{STDERR_FILENO, 5}};
    os::ChildProcess child(request);
    if (const auto status = child.reap(); status.signalled || status.code != 0) {
      throw Error(ErrorCode::runner_failed, "run /bin/true: it " + status.to_string(), "look for who killed it");
    }
  }
};

} // namespace

std::map<std::string, MakeOperation> transport_operations() {
  using ring::Producers;
  return {
      {"segment-file", [](const auto& here) { return std::make_unique<SegmentOfAFile>(here); }},
      {"segment-anonymous", [](const auto&) { return std::make_unique<SegmentOfNoName>(); }},
      {"ring-create",
       [](const auto& here) {
         return std::make_unique<CreateRing>(ring_spec(memory::Place::shm(here.word), Producers::one));
       }},
      {"ring-create-file",
       [](const auto& here) {
         return std::make_unique<CreateRing>(
             ring_spec(memory::Place::file(here.directory + "/" + here.word), Producers::many));
       }},
      {"ring-create-anonymous",
       [](const auto&) { return std::make_unique<CreateRing>(ring_spec(memory::Place::anonymous(), Producers::one)); }},
      {"ring-create-locked",
       [](const auto& here) { return std::make_unique<CreateRing>(placed_ring_spec(memory::Place::shm(here.word))); }},
      {"ring-create-anonymous-locked",
       [](const auto&) { return std::make_unique<CreateRing>(placed_ring_spec(memory::Place::anonymous())); }},
      {"ring-continue",
       [](const auto& here) {
         return std::make_unique<ContinueRing>(ring_spec(memory::Place::shm(here.word), Producers::one));
       }},
      {"ring-replace",
       [](const auto& here) {
         auto spec = ring_spec(memory::Place::shm(here.word), Producers::many);
         spec.existing = ring::Existing::replace;
         return std::make_unique<ContinueRing>(spec);
       }},
      {"ring-remove",
       [](const auto& here) {
         return std::make_unique<ListAndRemoveRing>(
             ring_spec(memory::Place::file(here.directory + "/" + here.word), Producers::one));
       }},
      {"ring-attach",
       [](const auto& here) {
         return std::make_unique<AttachRing>(ring_spec(memory::Place::shm(here.word), Producers::one));
       }},
      {"ring-attach-locked",
       [](const auto& here) { return std::make_unique<AttachRing>(placed_ring_spec(memory::Place::shm(here.word))); }},
      {"channel-publish", [](const auto& here) { return std::make_unique<Publish<Publisher<std::uint32_t>>>(here); }},
      {"channel-publish-shared",
       [](const auto& here) { return std::make_unique<Publish<SharedPublisher<std::uint32_t>>>(here); }},
      {"channel-subscribe", [](const auto& here) { return std::make_unique<Subscribe>(here); }},
      {"spawn", [](const auto&) { return std::make_unique<Spawn>(); }},
  };
}

} // namespace ringfleet::test
