"""Reading the tree: which files belong to it, and C++ text split into code and comments, line by line."""

import re
import subprocess
from pathlib import Path

CPP = {".cpp", ".hpp", ".c", ".h"}
TEXT = CPP | {".py", ".md", ".build", ".txt", ".ini", ".wrap", ".in", ""}


def files_of(root):
    """Relative paths of the files that are, or would be, committed."""
    if (root / ".git").exists():
        out = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
            capture_output=True, text=True, check=False)
        if out.returncode == 0:
            return sorted(name for name in out.stdout.splitlines() if (root / name).is_file())
    skip = re.compile(r"^(build[^/]*|\.git|\.cache|subprojects/[^/]+)/")
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if not skip.match(name) and "__pycache__" not in name)


def read(root, name):
    return (root / name).read_text(encoding="utf-8", errors="replace")


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def split(text):
    """(code, comments): both as long as `text` in lines; code has its strings emptied, comments have only comments."""
    code, comments, end = [], [], 0
    for match in _TOKEN.finditer(text):
        between = text[end:match.start()]
        # A digit separator (1'000) is no character literal.
        if match.group().startswith("'") and re.search(r"[0-9a-fA-F]$", between):
            continue
        code.append(between)
        comments.append(_blank(between))
        token = match.group()
        if token.startswith(("//", "/*")):
            code.append(_blank(token))
            comments.append(token)
        else:
            code.append('""' + _blank(token)[2:] if "\n" not in token else _blank(token))
            comments.append(_blank(token))
        end = match.end()
    code.append(text[end:])
    comments.append(_blank(text[end:]))
    return "".join(code), "".join(comments)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)
