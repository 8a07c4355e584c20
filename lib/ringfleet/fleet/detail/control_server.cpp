#include "ringfleet/fleet/detail/control_server.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"

#include <array>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace ringfleet::fleet {

using call::ControlType;

namespace {

os::Descriptor open_spare() {
  return os::Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

Error too_long(std::size_t bytes) {
  return Error(ErrorCode::limit_reached,
               fmt::format("answer an operator: {} bytes are more than one message takes", bytes),
               fmt::format("at most {} bytes", call::control_text_bytes_max));
}

} // namespace

void check_release(std::string_view theirs) {
  if (theirs != version) {
    throw Error(ErrorCode::version_mismatch,
                fmt::format("talk with ringfleet {} to a fleet of ringfleet {}", theirs, version),
                "use the same release on both sides");
  }
}

// One process on the control socket. It becomes a client of the fleet with its hello; without one it can only ask.
class ControlServer::Connection final : public ChannelLink {
public:
  Connection(std::uint64_t id, os::Socket socket, ControlServer& server)
      : id_(id), server_(server), peer_(socket.peer()), channel_(std::move(socket)) {
    token_ = server_.loop_.watch(channel_.fd(), [this] { read(); });
  }
  ~Connection() override {
    server_.supervisor_.detach(*this);
    server_.loop_.unwatch(token_, channel_.fd());
  }

  [[nodiscard]] bool inside_before(std::uint64_t epoch) const override {
    if (!epochs_) {
      return false;
    }
    const auto& layout = *reinterpret_cast<const EpochLayout*>(epochs_->body().data());
    return EpochPage<>(layout).inside_before(epoch);
  }
  [[nodiscard]] std::string name() const override { return fmt::format("client process {}", peer_.pid); }

  void send(const call::ControlMessage& message, std::span<const int> descriptors) override {
    // A client that does not read (it is stopped, and its buffer is full) is dropped when it can be done safely: this
    // may run in the middle of a walk over the clients.
    try {
      if (!dropped_ && channel_.send(message, descriptors, 0) != os::SocketStatus::ok) {
        drop();
      }
    } catch (const Error&) {
      drop(); // it would wait for ever for what it was not told; it learns that the connection has ended
    }
  }

private:
  void drop() {
    if (!dropped_) {
      dropped_ = true;
      server_.loop_.post([&server = server_, id = id_] { server.drop(id); });
    }
  }

  void read() {
    while (!dropped_) {
      call::ControlMessage message;
      try {
        switch (channel_.receive(message)) {
        case os::SocketStatus::ok: break;
        case os::SocketStatus::would_block: return;
        case os::SocketStatus::closed: drop(); return;
        }
        handle(message);
      } catch (const Error& error) {
        refuse(error);
        drop();
        return;
      }
    }
  }

  void handle(call::ControlMessage& message) {
    LaneBroker& broker = server_.supervisor_.broker();
    const auto number = static_cast<std::uint32_t>(message.b);
    switch (message.type) {
    case ControlType::client_hello: hello(message.text); return;
    case ControlType::subscribe: subscribe(message.text); return;
    case ControlType::lane_mapped_client: broker.client_mapped(*this, message.a); return;
    case ControlType::lane_ready_client: broker.client_ready(*this, message.a); return;
    case ControlType::arena_wanted: broker.arena_wanted_by_client(*this, message.a, message.c); return;
    case ControlType::arena_mapped: broker.arena_mapped_by_client(*this, message.a, number); return;
    case ControlType::arena_ready: broker.arena_ready_at_client(*this, message.a, number); return;
    case ControlType::arena_refused: broker.arena_refused_by_client(*this, message.a, number, message.c != 0); return;
    case ControlType::lane_retired: broker.client_refused(*this, message.a); return;
    case ControlType::epochs_mapped: take_epochs(); return;
    case ControlType::violation: server_.supervisor_.violation(*this, message.a, message.text); return;
    case ControlType::request:
      server_.on_request_(message.text, [&server = server_, id = id_](std::string json) {
        if (const auto found = server.connections_.find(id); found != server.connections_.end()) {
          call::ControlMessage response;
          response.type = ControlType::response;
          response.text =
              json.size() <= call::control_text_bytes_max ? std::move(json) : to_json(too_long(json.size()));
          found->second->send(response, {});
        }
      });
      return;
    default:
      throw Error(ErrorCode::bad_message,
                  fmt::format("control message '{}' from process {}", call::to_string(message.type), peer_.pid));
    }
  }

  void hello(const std::string& their_version) {
    check_release(their_version);
    if (epochs_descriptor_ || epochs_) {
      throw Error(ErrorCode::bad_message, fmt::format("a second hello from process {}", peer_.pid));
    }
    server_.supervisor_.attach(*this);
    epochs_descriptor_ =
        memory::create_anonymous_segment(fmt::format("ringfleet epochs of {}", peer_.pid),
                                         {memory::SegmentKind::epochs, sizeof(EpochLayout), id_, epoch_fingerprint});
    call::ControlMessage welcome;
    welcome.type = ControlType::welcome;
    send(welcome, std::array{server_.route_.get(), epochs_descriptor_.get()});
  }

  // The client has mapped its epoch page: nobody else can write it any more.
  void take_epochs() {
    if (!epochs_descriptor_) {
      return;
    }
    memory::seal_segment(epochs_descriptor_, "epochs");
    epochs_ = memory::Segment::attach_reader(std::move(epochs_descriptor_),
                                             {memory::SegmentKind::epochs, sizeof(EpochLayout), epoch_fingerprint, id_},
                                             "epochs");
    epochs_->close_descriptor();
  }

  void subscribe(const std::string& module) {
    call::ControlMessage answer;
    answer.text = module;
    try {
      const auto subscription = server_.supervisor_.subscribe(*this, module);
      answer.type = ControlType::subscribed;
      answer.a = subscription.number;
      answer.c = subscription.generation;
      answer.b = static_cast<std::uint64_t>(subscription.call_timeout.count());
      send(answer, {});
    } catch (const Error& error) {
      refuse(error);
    }
  }

  void refuse(const Error& error) {
    call::ControlMessage answer;
    answer.type = ControlType::refused;
    answer.a = static_cast<std::uint64_t>(error.code());
    answer.text = call::cut_text(error.what());
    send(answer, {});
  }

  std::uint64_t id_;
  ControlServer& server_;
  os::PeerCredentials peer_;
  call::ControlChannel channel_;
  EventLoop::Token token_ = 0;
  os::Descriptor epochs_descriptor_;
  std::optional<memory::Segment> epochs_;
  bool dropped_ = false;
};

ControlServer::ControlServer(const std::string& path, EventLoop& loop, Supervisor& supervisor,
                             const os::Descriptor& route, OnRequest on_request)
    : path_(path), loop_(loop), supervisor_(supervisor), route_(route), on_request_(std::move(on_request)),
      listener_(os::Socket::listen(path)), spare_(open_spare()) {
  try {
    token_ = loop_.watch(listener_.fd(), [this] { accept(); });
  } catch (...) {
    unlink(path_.c_str());
    throw;
  }
}

ControlServer::~ControlServer() {
  stop_listening();
}

void ControlServer::stop_listening() {
  if (listener_) {
    loop_.unwatch(token_, listener_.fd());
    listener_.close();
    unlink(path_.c_str());
  }
}

void ControlServer::accept() {
  try {
    while (auto socket = listener_.accept(0)) {
      const std::uint64_t id = next_id_++;
      connections_.emplace(id, std::make_unique<Connection>(id, std::move(*socket), *this));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::no_descriptors) {
      // Left in the queue, the caller would keep the listener readable for ever: it is taken with the spare descriptor
      // and let go.
      spare_.reset();
      try {
        (void)listener_.accept(0);
      } catch (const Error&) {
        // Somebody else was faster with the spare; the next round tries again.
      }
      spare_ = open_spare();
    }
  }
}

void ControlServer::drop(std::uint64_t id) {
  connections_.erase(id);
}

} // namespace ringfleet::fleet
