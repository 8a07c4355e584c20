"""The rules. Each check yields (rule, path, line, text); `check_tree` runs them all over one tree."""

import posixpath
import re
import textwrap

import exceptions
import rooms
import source

LENGTH_MAX = 400
PROSE = (".md",)
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|^(<{7}|>{7}) ")
EXCUSES = re.compile(r"\b(for now|placeholder|stub|not implemented|temporary hack)\b", re.IGNORECASE)
LABEL = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
SYNC = re.compile(rf"SYNC ({LABEL}):\s*([^.;]*)")


def each_line(text):
    return enumerate(text.splitlines(), 1)


def check_includes(tree):
    """Arrows point down: rooms, programs, third party, `detail/`, and include path = folder path."""
    for path in tree.cpp("lib", "runner", "tools"):
        permitted = rooms.permitted_rooms(path)
        is_header = path.endswith((".hpp", ".h"))
        for number, line in each_line(tree.text(path)):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            name = match.group(2)
            ours = re.match(r"ringfleet/([^/]+)/(.+)$", name)
            if ours:
                room, rest = ours.groups()
                if permitted is not None and room in rooms.ROOMS and room not in permitted:
                    yield "include", path, number, f"may not include room '{room}' ({name})"
                if rest.startswith("detail/") and not path.startswith(f"lib/ringfleet/{room}/"):
                    yield "include", path, number, f"{name} belongs to room '{room}' alone"
                if room not in rooms.ROOMS and path.startswith("lib/"):
                    yield "include", path, number, f"there is no room '{room}'"
                continue
            if match.group(1) == '"' and path.startswith("lib/"):
                yield "include", path, number, f'include path is folder path: "ringfleet/…", not "{name}"'
            for prefix, folders in rooms.THIRD_PARTY:
                if name.startswith(prefix):
                    if not any(path.startswith(folder + "/") for folder in folders):
                        yield "include", path, number, f"{name} has no place here (tests/tidy/rooms.py)"
                    elif is_header:
                        yield "include", path, number, f"{name} belongs in a .cpp, not in a header"
                    break


def check_top(tree):
    """Nothing else stands at the top: what a program has left behind there is not to be committed."""
    for path in tree.files:
        top = path.split("/")[0]
        if top not in rooms.TOP and not top.startswith("."):
            yield "top", path, 1, f"'{top}' has no place at the top (tests/tidy/rooms.py)"


def check_words(tree):
    """Banned words, in code only."""
    for path in tree.cpp("lib", "runner", "tools", "tests", "bench", "docs"):
        for number, line in each_line(tree.code(path)):
            if path.endswith("_layout.hpp") and re.search(r"\bstd::(mutex|condition_variable|atomic|string|vector)\b", line):
                yield "layout", path, number, "a layout holds plain fixed-width fields only"
            if not path.startswith("bench/") and re.search(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", line):
                yield "sleep", path, number, "nobody sleeps to synchronise: wait for the event, bounded"
            if re.search(r"\bvolatile\b", line) and not re.search(r"\b(asm|__asm__)\s+volatile\b", line):
                yield "volatile", path, number, "volatile orders nothing: use the atomics policy"
            if re.search(r"\b(system_clock|CLOCK_REALTIME\w*|CLOCK_TAI|gettimeofday|timespec_get)\b", line) and path.startswith(
                    ("lib/", "runner/", "tools/")):
                yield "clock", path, number, "the wall clock jumps: use monotonic_now()"


def check_atomics(tree):
    """Memory orders, std::atomic_ref and fences appear in the atomics policy and in ring/sequence.hpp. Elsewhere shared
    words are touched through the policy; a process-local std::atomic member of a handle is fine with its default order,
    because whoever needs a weaker one needs the policy's comments, too."""
    pattern = re.compile(r"\b(std::atomic_ref|memory_order\w*|atomic_thread_fence|atomic_signal_fence|__atomic_\w+|__sync_\w+)\b")
    for path in tree.cpp("lib", "runner", "tools"):
        if path in exceptions.MEMORY_ORDER_HEADERS:
            continue
        for number, line in each_line(tree.code(path)):
            match = pattern.search(line)
            if match:
                yield "atomics", path, number, f"{match.group()} is named in base/atomics.hpp and ring/sequence.hpp only"


def check_markers(tree):
    for path in tree.files:
        if path.startswith("tests/tidy/") or not path.endswith((".cpp", ".hpp", ".c", ".h", ".py", ".md", "meson.build")):
            continue
        prose = tree.text(path) if path.endswith((".md", ".py", "meson.build")) else tree.comments(path)
        for number, line in each_line(prose):
            match = MARKERS.search(line) or EXCUSES.search(line)
            if match:
                yield "marker", path, number, f"leftover '{match.group().strip()}'"


def check_opening(tree):
    """The first thing in a header after its guard is a paragraph that says what the file is for."""
    for path in tree.cpp("lib", "runner", "tools", "tests", "bench"):
        if not path.endswith((".hpp", ".h")):
            continue
        comment = []
        for line in tree.text(path).splitlines():
            stripped = line.strip()
            if not comment and (not stripped or re.match(r"#\s*(pragma once|ifndef|define)\b", stripped)):
                continue
            if not re.match(r"(//|/\*|\*)", stripped):
                break
            comment.append(stripped.strip("/* "))
        if len(" ".join(comment)) < 40:
            yield "opening", path, 1, "no opening paragraph: what is this file for?"


def check_listed(tree):
    """Every source is named in a meson.build (with its suffix, or without where a loop adds it), and every header of a
    room outside `detail/` is listed for installation."""
    named = set()
    for path in tree.files:
        if posixpath.basename(path) == "meson.build":
            for quoted in re.findall(r"'([^'\n]*)'", tree.text(path)):
                named.add(posixpath.normpath(posixpath.join(posixpath.dirname(path), quoted)))
    for path in tree.files:
        stem, suffix = posixpath.splitext(path)
        is_source = suffix in {".cpp", ".c", ".py"}
        is_public = path.startswith("lib/") and suffix in {".hpp", ".h"} and "/detail/" not in path
        if (is_source or is_public) and path not in named and stem not in named:
            yield "listed", path, 1, "named in no meson.build"


def check_sync(tree):
    """Each synchronising edge carries its label at both ends and stands in docs/memory-model.md."""
    ends = {}
    for path in tree.cpp("lib", "runner"):
        for number, line in each_line(tree.comments(path)):
            for label, means in SYNC.findall(line):
                ends.setdefault(label, []).append((means, path, number))
    page = "docs/memory-model.md"
    text = tree.text(page) if page in tree.files else ""
    for label, found in sorted(ends.items()):
        _, path, number = found[0]
        means = [means for means, _, _ in found]
        has_pair = any("release" in m for m in means) and any("acquire" in m for m in means)
        has_barriers = len(found) > 1 and all("barrier" in m for m in means)
        if not (len(found) > 1 and (has_pair or has_barriers)):
            yield "sync", path, number, f"edge '{label}' has only one end: the other must name the label, too"
        if f"`{label}`" not in text:
            yield "sync", path, number, f"edge '{label}' does not stand in {page}"
    for number, line in each_line(text):
        match = re.match(rf"\|\s*`({LABEL})`", line)
        if match and match.group(1) not in ends:
            yield "sync", page, number, f"edge '{match.group(1)}' is in no source"


COUNTING = [("The scheduler", "lib/ringfleet/fleet/"), ("A runner", "runner/"), ("A publisher", "lib/ringfleet/channel/"),
            ("A subscriber", "lib/ringfleet/channel/")]


def check_counters(tree):
    """Each label that a process counts under has a row in its section of docs/counters.md, and each row a label."""
    page = "docs/counters.md"
    rows, section = {}, ""
    for number, line in each_line(tree.text(page) if page in tree.files else ""):
        heading = re.match(r"## (.+)", line)
        section = heading.group(1) if heading else section
        cells = re.match(r"\|([^|]*`[^|]*)\|[^|]*\|[^|]*\|$", line)
        names = re.findall(r"`([^`]+)`", cells.group(1)) if cells else []
        for name in names:  # `latency.p50_ns`, `.p99_ns`
            full = names[0].split(".")[0] + name if name.startswith(".") else name
            rows.setdefault(section, {})[full] = number
    for folder in sorted({folder for _, folder in COUNTING}):
        sections = [title for title, its in COUNTING if its == folder]
        described = {name: number for title in sections for name, number in rows.get(title, {}).items()}
        counted = {}
        for path in tree.cpp(folder.rstrip("/")):
            for number, line in each_line(tree.text(path)):
                for label in re.findall(r'\b(?:counter|gauge|text)\("([^"]+)"\)', line):
                    counted[label] = (path, number)
        for label, (path, number) in sorted(counted.items()):
            if label not in described:
                yield "counters", path, number, f"'{label}' is not in {page}, {' or '.join(sections)}"
        for label, number in sorted(described.items()):
            if label not in counted:
                yield "counters", page, number, f"nothing in {folder} counts '{label}'"


def check_length(tree):
    for path in tree.files:
        if path.endswith((".cpp", ".hpp", ".c", ".h", ".py")):
            lines = len(tree.text(path).splitlines())
            if lines > LENGTH_MAX:
                yield "length", path, LENGTH_MAX, f"{lines} lines: two concepts, two files"


def check_version(tree):
    if "meson.build" not in tree.files:
        return
    version = re.search(r"\bversion:\s*'([^']+)'", tree.text("meson.build"))
    changelog = tree.text("CHANGELOG.md") if "CHANGELOG.md" in tree.files else ""
    heading = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    if version and (not heading or heading.group(1) != version.group(1)):
        yield "version", "CHANGELOG.md", 1, f"the first heading must be '## {version.group(1)}', as in meson.build"


def check_readme(tree):
    """The C and C++ in README.md and docs/transport.md is text of docs/examples, which is compiled and run."""
    examples = [tidy_block(tree.text(path)) for path in tree.cpp("docs/examples")]
    for page in ("README.md", "docs/transport.md"):
        if page not in tree.files:
            continue
        for match in re.finditer(r"^```(?:cpp|c)\n(.*?)^```", tree.text(page), re.MULTILINE | re.DOTALL):
            block = tidy_block(match.group(1))
            if not any(contains(example, block) for example in examples):
                number = tree.text(page).count("\n", 0, match.start()) + 1
                yield "readme", page, number, "this code is in no file of docs/examples"


def tidy_block(text):
    return [line.rstrip() for line in textwrap.dedent(text).strip("\n").splitlines()]


def contains(lines, block):
    """Is `block` a run of consecutive `lines`, whatever its indentation there?"""
    for first in range(len(lines) - len(block) + 1):
        if tidy_block("\n".join(lines[first:first + len(block)])) == block:
            return True
    return False


CHECKS = [check_includes, check_top, check_words, check_atomics, check_markers, check_opening, check_listed, check_sync,
          check_counters, check_length, check_version, check_readme]


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = source.files_of(root)
        self._parts = {}

    def cpp(self, *folders):
        return [path for path in self.files
                if posixpath.splitext(path)[1] in source.CPP and path.startswith(tuple(f + "/" for f in folders))]

    def text(self, path):
        return source.read(self.root, path)

    def _split(self, path):
        if path not in self._parts:
            self._parts[path] = source.split(self.text(path))
        return self._parts[path]

    def code(self, path):
        return self._split(path)[0]

    def comments(self, path):
        return self._split(path)[1]


def check_tree(root, allowed=None):
    """All violations, sorted, minus the exceptions; plus each exception that nothing needs."""
    allowed = exceptions.EXCEPTIONS if allowed is None else allowed
    tree = Tree(root)
    found, used = [], set()
    for check in CHECKS:
        for rule, path, number, text in check(tree):
            if path in allowed.get(rule, {}):
                used.add((rule, path))
            else:
                found.append((path, number, rule, text))
    for rule, paths in allowed.items():
        for path in paths:
            if (rule, path) not in used:
                found.append(("tests/tidy/exceptions.py", 1, "exception", f"{rule}: '{path}' needs no exception"))
    return sorted(found)
