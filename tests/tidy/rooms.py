"""The architecture as data: which room may include which, and where third-party headers may appear."""

# What a room names here, and what those may include, is all that it may include.
ROOMS = {
    "base": [],
    "os": ["base"],
    "memory": ["os"],
    "ring": ["memory"],
    "frame": ["ring"],
    "codec": ["base"],
    "counter": ["memory"],
    "channel": ["frame", "codec", "counter"],
    "call": ["frame", "counter"],
    "policy": ["base"],
    "fleet": ["call", "policy", "channel"],
}

# Programs sit on the rooms and no room knows them. Longest prefix wins.
PROGRAMS = {
    "runner": ["call"],
    "tools/stat": ["counter"],
    "tools/ringfleet": ["fleet"],
}

# What stands at the top of the tree, besides dot files.
TOP = ("CHANGELOG.md", "LICENSE", "README.md", "bench", "dev", "docs", "lib", "meson.build", "meson_options.txt", "runner",
       "subprojects", "tests", "tools")

# First match wins; the second column lists folders (or rooms) whose sources may include it. Heavy headers stay out of
# headers altogether, so that nobody who includes us pays for them.
THIRD_PARTY = [
    ("fmt/", ["lib", "runner", "tools"]),
    ("boost/interprocess/", ["lib/ringfleet/os"]),
    ("boost/lockfree/", ["lib/ringfleet/fleet"]),
    ("boost/asio/", ["docs/examples"]),
    ("boost/", []),
    ("toml++/", ["lib/ringfleet/fleet"]),
    ("openssl/", ["lib/ringfleet/fleet"]),
    ("nlohmann/", ["lib/ringfleet/call", "lib/ringfleet/fleet", "runner", "tools"]),
    ("CLI/", ["tools", "runner"]),
    ("cereal/", ["lib/ringfleet/codec"]),
    ("flatbuffers/", ["lib/ringfleet/codec"]),
    ("zstd", ["runner/modules", "tools/ringfleet"]),
]


def closure(names):
    """The rooms in `names` and everything below them."""
    seen = set()
    waiting = list(names)
    while waiting:
        room = waiting.pop()
        if room not in seen:
            seen.add(room)
            waiting.extend(ROOMS.get(room, []))
    return seen


def permitted_rooms(path):
    """Rooms that the file at `path` (relative, with '/') may include; None when it is free to include any."""
    parts = path.split("/")
    if parts[:2] == ["lib", "ringfleet"] and len(parts) > 3:
        return closure([parts[2]]) if parts[2] in ROOMS else set()
    for prefix in sorted(PROGRAMS, key=len, reverse=True):
        if path.startswith(prefix + "/"):
            return closure(PROGRAMS[prefix])
    return None
