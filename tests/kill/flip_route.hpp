#pragma once

// The route of a scheduler that writes nonsense into it: one module with three runners, between pages that nobody may
// touch.

#include "flip.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <string>
#include <vector>

namespace ringfleet::kill {

class AttackedRoute {
public:
  AttackedRoute() {
    const std::array modules{
        fleet::RouteModule{.number = 1, .generation = 1, .service = fleet::Service::serving, .runners = {10, 11, 12}}};
    (void)fleet::RouteWriter<>(layout()).publish(modules);
  }
  [[nodiscard]] fleet::RouteReader<> reader() const { return fleet::RouteReader<>(layout()); }
  [[nodiscard]] std::vector<Field> fields() const {
    auto& copies = layout().copies;
    return {layout().epoch, copies[0].modules[1], copies[1].modules[1], copies[0].targets[0], copies[1].targets[0]};
  }
  // A client looks its module up.
  [[nodiscard]] static std::string look_up(const fleet::RouteReader<>& reader, std::uint64_t epoch) {
    const auto module = reader.read(1, epoch);
    return module && module->runners.size() > fleet::route_targets_max ? "more targets than a route holds" : "";
  }

private:
  [[nodiscard]] fleet::RouteLayout& layout() const { return memory_.at<fleet::RouteLayout>(); }
  Guarded memory_{sizeof(fleet::RouteLayout)};
};

} // namespace ringfleet::kill
