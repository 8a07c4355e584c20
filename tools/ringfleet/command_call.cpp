#include "command.hpp"
#include "input.hpp"
#include "output.hpp"

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/fleet.hpp"
#include "ringfleet/fleet/name.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::cli {
namespace {

struct Arguments {
  std::string module;
  std::string method;
  std::string dash; // "-": the data comes from standard input
  std::optional<std::string> data;
  std::optional<std::string> file;
  std::optional<std::string> timeout;
};

// "./x.so", "dir/x", "x.so" and "x.so.2" are files; everything else is a module of a running fleet.
bool is_file_reference(const std::string& module) {
  return module.find('/') != std::string::npos || module.ends_with(".so") || module.find(".so.") != std::string::npos;
}

// A readable id for messages and log tags: the file's name up to its first dot.
std::string id_for(const std::string& path) {
  auto name = std::filesystem::path(path).filename().string();
  name.erase(std::min(name.find('.'), name.size()));
  return fleet::name_problem(name).empty() ? name : "module";
}

std::string payload_of(const Arguments& arguments) {
  if (!arguments.dash.empty() && arguments.dash != "-") {
    throw Failure(ExitCode::usage, fmt::format("command line: unexpected argument '{}' (give the data by --data TEXT, "
                                               "--file FILE, or '-' for standard input)",
                                               one_line(arguments.dash)));
  }
  const int sources = static_cast<int>(!arguments.dash.empty()) + static_cast<int>(arguments.data.has_value()) +
                      static_cast<int>(arguments.file.has_value());
  if (sources > 1) {
    throw Failure(ExitCode::usage, "command line: the data is given twice (choose one of --data, --file and '-')");
  }
  if (arguments.data) {
    return *arguments.data;
  }
  return sources == 0 ? std::string() : read_input(arguments.file.value_or("-"));
}

std::string_view trimmed(std::string_view reply, int abi_level) {
  // A reply of ABI level 1 has no length: 4096 bytes, zeroed before the call.
  return abi_level == 1 ? reply.substr(0, reply.find_last_not_of('\0') + 1) : reply;
}

std::string reply_json(const Arguments& arguments, const Reply& reply, std::string_view bytes) {
  using Json = nlohmann::ordered_json;
  Json json{{"module", arguments.module},         {"method", arguments.method}, {"status", to_string(reply.status())},
            {"module_code", reply.module_code()}, {"error", reply.error()},     {"runner", reply.runner()},
            {"version", reply.version()},         {"retries", reply.retries()}};
  if (is_utf8(bytes)) {
    json["reply"] = bytes;
  } else {
    json["reply_base64"] = base64(bytes);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

ExitCode report(const Arguments& arguments, Format format, const Reply& reply, int abi_level) {
  const auto bytes = trimmed(reply.text(), abi_level);
  if (format == Format::json) {
    print(reply_json(arguments, reply, bytes));
  }
  if (!reply.ok()) {
    const bool says_more = !bytes.empty() && is_utf8(bytes);
    throw Failure(exit_code_of(reply.status()),
                  says_more ? fmt::format("{}: \"{}\"", reply.error(), one_line(bytes)) : one_line(reply.error()),
                  Failure::InJson::yes);
  }
  if (format == Format::text) {
    print(bytes);
  }
  return ExitCode::ok;
}

// Client and Fleet answer the same questions.
template <class Caller>
ExitCode call(Caller& caller, const std::string& module, const Arguments& arguments, Format format,
              std::string_view payload, CallOptions options) {
  const auto reply = caller.call(module, arguments.method, std::as_bytes(std::span(payload)), options);
  const bool trim = reply.ok() || reply.status() == CallStatus::module_error;
  return report(arguments, format, reply, trim ? caller.show(module).abi_level : 0);
}

// A fleet of this one module, for this one call. A timeout that is given holds for the start, too; what is left of it
// is the call's.
void start_alone(std::optional<Fleet>& fleet, const std::string& id, const Arguments& arguments, CallOptions& options) {
  auto topology = Fleet::single(id, std::filesystem::absolute(arguments.module).lexically_normal().string());
  if (!options.timeout) {
    fleet.emplace(std::move(topology));
    return;
  }
  const MonotonicNs deadline = deadline_after(monotonic_now(), *options.timeout);
  topology.modules.front().start_timeout =
      std::clamp<Nanoseconds>(*options.timeout, limits::timeout_min, limits::timeout_max);
  try {
    fleet.emplace(std::move(topology));
  } catch (const Error& error) {
    if (monotonic_now() < deadline) {
      throw;
    }
    throw Failure(ExitCode::timed_out, fmt::format("call {}.{}: --timeout {} passed before the module had started: {}",
                                                   id, one_line(arguments.method), *arguments.timeout, error.what()));
  }
  const MonotonicNs now = monotonic_now();
  options.timeout = Nanoseconds(static_cast<std::int64_t>(deadline > now ? deadline - now : 0));
}

ExitCode run(const Globals& globals, const Arguments& arguments) {
  const auto payload = payload_of(arguments);
  CallOptions options;
  if (arguments.timeout) {
    options.timeout = parse_duration("--timeout", *arguments.timeout);
  }
  if (!is_file_reference(arguments.module)) {
    const auto client = attach(globals);
    return call(*client, arguments.module, arguments, globals.format, payload, options);
  }
  std::error_code error;
  if (!std::filesystem::exists(arguments.module, error)) {
    throw Failure(ExitCode::usage,
                  fmt::format("open module file '{}': it does not exist (check the path; without '/' and '.so' it "
                              "would be a module of a running fleet)",
                              one_line(arguments.module)));
  }
  const auto id = id_for(arguments.module);
  std::optional<Fleet> fleet;
  start_alone(fleet, id, arguments, options);
  return call(*fleet, id, arguments, globals.format, payload, options);
}

} // namespace

Command call_command(const Globals& globals) {
  const auto arguments = std::make_shared<Arguments>();
  return {
      .name = "call",
      .summary = "call a method and print the reply bytes",
      .declare =
          [arguments](Parameters& with) {
            with.argument("MODULE", arguments->module, "a module of a running fleet, or the path of a module file");
            with.argument("METHOD", arguments->method, "the method's name");
            with.optional_argument("INPUT", arguments->dash, "'-': the data comes from standard input");
            with.option("--data", "TEXT", arguments->data, "the data as text; default: none");
            with.option("--file", "FILE", arguments->file, "the data is the content of a file");
            with.option("--timeout", "TIME", arguments->timeout,
                        "such as 5s or 250ms; default: the module's call_timeout; of a module file, start included");
            with.note("A module file (with a '/' or '.so' in it) needs no fleet: one runner is started for the call.");
          },
      .run = [&globals, arguments] { return run(globals, *arguments); }};
}

} // namespace ringfleet::cli
