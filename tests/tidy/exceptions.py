"""Files that a rule does not apply to, each with its reason. An entry that is not needed any more is a violation."""

EXCEPTIONS = {
    # rule: {path: reason}
    "atomics": {
        "lib/ringfleet/base/atomics.hpp": "the atomics policy itself",
    },
    "include": {
        "lib/ringfleet/codec/cereal.hpp": "for those who have cereal; nothing of ours includes it",
        "lib/ringfleet/codec/flatbuffers.hpp": "for those who have flatbuffers; nothing of ours includes it",
    },
    "volatile": {},
    "sleep": {},
    "length": {},
}

# ring/sequence.hpp may name memory orders, too; it is the padded position that everything else uses.
MEMORY_ORDER_HEADERS = {"lib/ringfleet/ring/sequence.hpp"}
