"""Texts that must not be found where they do not belong, in whatever form somebody may have written them."""

import base64
import hashlib
import json
import re
from urllib.parse import quote, quote_plus

# A piece of an encoded text that is shorter could be there by chance.
SHORTEST_PIECE = 12


def canary(number):
    """A text that is nowhere else, and that no pattern takes for a secret: letters and dashes alone."""
    letters = "".join("bdfghjkmnprstvwz"[byte % 16] for byte in hashlib.sha256(b"%d" % number).digest()[:12])
    return f"canary-{letters}-of-the-python-tests"


def forms_of(text):
    """How a text may look in a log: as it is, and encoded."""
    data = text.encode()
    yield text
    yield quote(text, safe="")
    yield quote_plus(text)
    yield json.dumps(text)[1:-1]
    yield data.hex()
    # As Rust prints bytes, and as JSON shows them.
    yield ", ".join(map(str, data))
    yield ",".join(map(str, data))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Where it begins within what is encoded is not known; its first and last characters hang on its neighbours.
        for shift in range(3):
            piece = encode(bytes(shift) + data).decode().rstrip("=")[4:-2]
            if len(piece) >= SHORTEST_PIECE:
                yield piece


def found_in(text, canaries):
    """Which canaries are in a text, with the line of the first of each."""
    hits = {}
    for name, canary in canaries.items():
        pattern = re.compile("|".join(re.escape(form) for form in dict.fromkeys(forms_of(canary))))
        match = pattern.search(text)
        if match:
            begin = text.rfind("\n", 0, match.start()) + 1
            hits[name] = text[begin : match.end() + 100][:1500]
    return hits
