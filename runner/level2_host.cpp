#include "level2_host.hpp"

#include "descriptor.hpp"
#include "guarded.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace ringfleet::runner {
namespace {

class Level2Host final : public ModuleHost {
public:
  Level2Host(const ringfleet_module_v2& hooks, call::ModuleDescription description)
      : ModuleHost(std::move(description)), hooks_(hooks) {
    const auto& methods = this->description().methods;
    for (std::uint32_t index = 0; index < methods.size(); ++index) {
      index_of_.emplace_back(methods[index].id, index);
    }
    std::ranges::sort(index_of_);
  }

  void init(const ringfleet_services& services, std::string_view config) override {
    expect_init([&] { return hooks_.init(&services, config.data(), config.size(), &state_); });
  }

  [[nodiscard]] Outcome call(std::uint32_t method_id, std::span<const std::byte> args, ReplyWriter& reply) override {
    const auto found =
        std::ranges::lower_bound(index_of_, method_id, {}, &std::pair<std::uint32_t, std::uint32_t>::first);
    if (found == index_of_.end() || found->first != method_id) {
      return {CallStatus::unknown_method, 0};
    }
    return guarded_call(
        reply, [&] { return hooks_.call(state_, found->second, args.data(), args.size(), reply.c_interface()); });
  }

  [[nodiscard]] int health(ReplyWriter& text) override {
    if (hooks_.health == nullptr) {
      return 0;
    }
    return guarded_call(text, [&] { return hooks_.health(state_, text.c_interface()); }).module_code;
  }

  int quiesce() override {
    return hooks_.quiesce == nullptr ? 0 : guarded_hook([&] { return hooks_.quiesce(state_); });
  }

  int shutdown() override {
    return hooks_.shutdown == nullptr ? 0 : guarded_hook([&] { return hooks_.shutdown(state_); });
  }

private:
  ringfleet_module_v2 hooks_;
  void* state_ = nullptr;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> index_of_; // method id → index, sorted
};

} // namespace

std::unique_ptr<ModuleHost> make_level2_host(const void* descriptor) {
  const ringfleet_module_v2 hooks = read_descriptor(descriptor);
  return std::make_unique<Level2Host>(hooks, describe(hooks));
}

} // namespace ringfleet::runner
