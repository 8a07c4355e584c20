"""Which error a system call can return, given its arguments, and what a refusal must say.

Only what the kernel could really answer there stands in the table: an error that cannot happen proves nothing. Calls
that are missing (close, munmap, brk, sigprocmask …) either cannot fail or fail in ways that no caller could act on."""

import errno
import re
from pathlib import Path

HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h")

NEW_DESCRIPTOR = ("EMFILE", "ENOMEM")
ERRORS = {
    "accept4": ("EMFILE", "ENOMEM", "EINTR"),
    "access": ("ENOMEM",),
    "bind": ("ENOSPC", "EPERM", "ENOMEM"),
    "chmod": ("EPERM",),
    "clone": ("ENOMEM", "EAGAIN"),
    "clone3": ("ENOMEM", "EAGAIN"),
    "close_range": ("ENOMEM",),
    "connect": ("EINTR", "EPERM"),
    "dup2": ("EMFILE", "ENOMEM"),
    "epoll_create1": NEW_DESCRIPTOR,
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_pwait": ("EINTR",),
    "epoll_pwait2": ("EINTR",),
    "eventfd2": NEW_DESCRIPTOR,
    "execve": ("ENOMEM", "EPERM"),
    "faccessat2": ("ENOMEM",),
    "fallocate": ("ENOSPC", "EINTR", "EPERM", "ENOMEM"),
    "fchmod": ("EPERM",),
    "fstat": ("ENOMEM",),
    "fstatfs": ("EINTR", "ENOMEM"),
    "ftruncate": ("EINTR", "EPERM"),
    "futex_waitv": ("EINTR", "ENOMEM"),
    "getcwd": ("ENOMEM",),
    "getdents64": ("ENOMEM",),
    "inotify_add_watch": ("ENOSPC", "ENOMEM"),
    "inotify_init1": NEW_DESCRIPTOR,
    "kill": ("EPERM",),
    "link": ("ENOSPC", "EPERM", "ENOMEM"),
    "linkat": ("ENOSPC", "EPERM", "ENOMEM"),
    "listen": ("ENOMEM", "EPERM"),
    "mbind": ("ENOMEM", "EPERM", "EIO", "ENOSYS"),
    "memfd_create": NEW_DESCRIPTOR,
    "mkdir": ("ENOSPC", "EPERM", "ENOMEM"),
    "mlock": ("ENOMEM", "EPERM", "EAGAIN"),
    "mprotect": ("ENOMEM",),
    "newfstatat": ("ENOMEM",),
    "pidfd_open": NEW_DESCRIPTOR,
    "pidfd_send_signal": ("EPERM",),
    "pipe2": NEW_DESCRIPTOR,
    "poll": ("EINTR", "ENOMEM"),
    "ppoll": ("EINTR", "ENOMEM"),
    "prctl": ("EPERM",),
    "pread64": ("EINTR",),
    "pwrite64": ("ENOSPC", "EINTR"),
    "readlink": ("ENOMEM",),
    "recvmsg": ("EINTR", "ENOMEM"),
    "rmdir": ("EPERM",),
    "rt_sigtimedwait": ("EINTR",),
    "sched_setaffinity": ("EPERM",),
    "sendmsg": ("EINTR", "ENOMEM"),
    "setpgid": ("EPERM",),
    "socket": NEW_DESCRIPTOR,
    "socketpair": NEW_DESCRIPTOR,
    "stat": ("ENOMEM",),
    "statx": ("ENOMEM",),
    "timerfd_create": NEW_DESCRIPTOR,
    "unlink": ("EPERM",),
    "unlinkat": ("EPERM",),
    "utimensat": ("EPERM",),
    "wait4": ("EINTR",),
    "waitid": ("EINTR",),
}
FCNTL = {0: ("EMFILE",), 1030: ("EMFILE",), 1031: ("EPERM",), 1033: ("EPERM",), 36: ("EINTR",), 37: ("EINTR",)}
FUTEX_WAITS = (0, 9)
POPULATING = (22, 23)  # advice of madvise that kernels before 5.14 do not know
REMOVALS = ("rmdir", "unlink", "unlinkat")
O_CREAT = 0o100
SO_PEERPIDFD = 77


def read_names():
    for header in HEADERS:
        if Path(header).exists():
            defined = re.findall(r"#define __NR_(\w+) (\d+)", Path(header).read_text())
            return {int(number): name for name, number in defined}
    raise SystemExit(f"none of {HEADERS} is there")


NAMES = read_names()


def name_of(call):
    return NAMES.get(call, f"call {call}")


def is_repetition(place):
    """A child that is born sets the handlers of all signals: one place to die at stands for the sixty-four."""
    return name_of(place.call) == "rt_sigaction" and place.nth > 0


def number_of(error):
    return getattr(errno, error)


def errors_of(place, arguments):
    call = name_of(place.call)
    # A runner's second thread opens and reads in dlopen, whose errors are the loader's to handle.
    if place.process > 0 and place.thread == 1 and call in ("openat", "read"):
        return ("EMFILE", "ENOMEM", "EPERM") if call == "openat" else ()
    first, second, third = (argument & 0xFFFFFFFF for argument in arguments)
    if call == "openat":
        return ("EMFILE", "ENOMEM", "EINTR", "EPERM") + (("ENOSPC",) if third & O_CREAT else ())
    if call == "mmap":
        return ("ENOMEM",)
    if call == "madvise":
        return ("ENOMEM", "EINVAL") if third in POPULATING else ("ENOMEM",)
    if call == "fcntl":
        return FCNTL.get(second, ())
    if call == "futex":
        return ("EINTR",) if second & 0x7F in FUTEX_WAITS else ()
    if call == "write":
        return ("EINTR",) if third == 8 else ("EINTR", "ENOSPC")  # eight bytes: an event counter, which has no space
    if call == "read":
        return ("EINTR",) if third == 8 else ("EINTR", "ENOMEM")
    if call == "prlimit64":
        return ("EPERM",) if third else ()  # without a new limit it only asks
    if call == "getsockopt":
        return ("EMFILE",) if third == SO_PEERPIDFD else ()
    return ERRORS.get(call, ())


def faults_of_refusal(error, answer):
    """A refusal names the reason, in words, and what to do about it."""
    faults = []
    if error in ("EINTR", "storm"):
        faults.append(f"a call that was interrupted is to be made again, not refused: {answer['error']}")
    if not answer["advice"] and not answer["error"].endswith(")"):
        faults.append(f"it does not say what to do: {answer['error']}")
    return faults
