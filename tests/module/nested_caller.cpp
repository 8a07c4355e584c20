// Calls other modules. `relay` takes "module method payload" and answers with the reply, or with "status N code M" when
// the call fails. The payload may itself be such a request, so chains of any depth can be made.

#include <ringfleet/module.hpp>

namespace {

namespace rf = ringfleet::module;

class NestedCaller {
public:
  explicit NestedCaller(const rf::Services& services) : services_(services) {}

  std::string relay(std::string_view request) {
    const std::string module(take_word(request));
    const std::string method(take_word(request));
    constexpr std::uint64_t timeout_ns = 5'000'000'000;
    const rf::Answer answer = services_.call(module.c_str(), method.c_str(), request, timeout_ns);
    return answer.ok() ? std::string(answer.text())
                       : "status " + std::to_string(answer.status) + " code " + std::to_string(answer.module_code);
  }

private:
  static std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
  }
  rf::Services services_;
};

} // namespace

RINGFLEET_MODULE(NestedCaller, {.id = "nested_caller", .version = "1.0.0"}, RINGFLEET_METHOD(relay))
