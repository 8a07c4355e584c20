#include "resource_limits.hpp"

#include "ringfleet/base/error.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/resource.h>

namespace ringfleet::runner {
namespace {

void limit(__rlimit_resource resource, std::uint64_t value, const char* key, const char* advice) {
  if (value == 0) {
    return;
  }
  const rlimit wanted{value, value};
  if (setrlimit(resource, &wanted) != 0) {
    throw Error::from_errno(fmt::format("set {} to {}", key, value), errno, advice);
  }
}

} // namespace

void limit_resources(const call::LoadRequest& request) {
  limit(RLIMIT_DATA, request.memory_limit_bytes, "memory_limit", "it is above the hard limit: ulimit -Hd says how far");
  limit(RLIMIT_NOFILE, request.descriptor_limit, "descriptor_limit",
        "it is above the hard limit: ulimit -Hn says how far");
}

} // namespace ringfleet::runner
