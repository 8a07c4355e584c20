"""Files that a rule does not apply to, each with its reason. An entry that is not needed any more is a violation."""

EXCEPTIONS = {
    # rule: {path: reason}
    "atomics": {
        "lib/ringfleet/base/atomics.hpp": "the atomics policy itself",
    },
    "volatile": {},
    "sleep": {},
    "length": {},
}

# ring/sequence.hpp may name memory orders, too; it is the padded position that everything else uses.
MEMORY_ORDER_HEADERS = {"lib/ringfleet/ring/sequence.hpp"}
