"""docs/models.md says which step of a model is which code, and which world of the explorer plays the same protocol. Names
rot slower than line numbers, and this notices."""

import re

PAGE = "docs/models.md"
ROW = re.compile(r"^\|[^|]*\| `([^`|]+\.[ch]pp)` \| ([^|]*) \|")


def stale_names(root):
    """A line for each row of the page whose file is gone, or no longer has the function, SYNC label or world."""
    lines = []
    page = root / PAGE
    rows = 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        match = ROW.match(line)
        if not match:
            continue
        rows += 1
        path, names = match.groups()
        file = root / path
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        quoted = re.findall(r"`([^`]+)`", names)
        if not quoted:
            lines.append(f"{PAGE}:{number}: names nothing in {path}")
        for name in quoted:
            if path.startswith("tests/explore/"):
                wanted = rf'"{re.escape(name)}"'
            elif name.startswith("SYNC "):
                wanted = rf"{re.escape(name)}:"
            else:
                wanted = rf"(?<!\w){re.escape(name)}\s*[(<]"
            if not re.search(wanted, text):
                lines.append(f"{PAGE}:{number}: {path} has no `{name}` any more")
    if rows == 0:
        lines.append(f"{PAGE}: no row says which code a model stands for")
    return lines
