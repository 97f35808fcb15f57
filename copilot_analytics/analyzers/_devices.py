"""Memory of well-known accelerators, as their drivers report it."""

from __future__ import annotations

import re

# MiB that the driver reports, by a part of the name; the longest match counts. Cards that exist
# with several sizes under one name are left out, unless the name holds the size.
_MIB = {
    "tesla t4": 15109,
    "k80": 11441,
    "p100": 16280,
    "p40": 22919,
    "l4": 23034,
    "a10g": 22731,
    "a10": 22731,
    "a16": 15356,
    "a30": 24258,
    "a40": 46068,
    "l40": 46068,
    "l40s": 46068,
    "h200": 143771,
    "rtx a4000": 16376,
    "rtx a4500": 20470,
    "rtx a5000": 24564,
    "rtx a6000": 49140,
    "rtx 6000 ada": 49140,
    "quadro rtx 5000": 16125,
    "quadro rtx 6000": 24220,
    "quadro rtx 8000": 48601,
    "titan x": 12196,
    "titan xp": 12196,
    "titan v": 12066,
    "titan rtx": 24220,
    "gtx 1070": 8119,
    "gtx 1080": 8119,
    "gtx 1080 ti": 11178,
    "rtx 2070": 7982,
    "rtx 2080": 7982,
    "rtx 2080 ti": 11019,
    "rtx 3070": 8192,
    "rtx 3080 ti": 12288,
    "rtx 3090": 24268,
    "rtx 3090 ti": 24564,
    "rtx 4080": 16376,
    "rtx 4090": 24564,
    "rtx 5090": 32607,
}
_STATED = re.compile(r"(\d+) ?gi?b\b")
_USABLE = 0.985
_UNSURE = ("laptop", "max-q", "mobile")


def memory_of(name: str | None) -> float | None:
    """Return the memory of a device in MiB, as far as its name tells.

    Examples
    --------
    >>> memory_of("Tesla T4"), memory_of("NVIDIA GeForce RTX 3090"), memory_of("RTX 3080")
    (15109.0, 24268.0, None)
    >>> round(memory_of("NVIDIA A100-SXM4-80GB"))
    80691
    """
    if not name:
        return None
    plain = re.sub(r"[\s\-_]+", " ", name.lower()).strip()
    stated = _STATED.findall(plain)
    if stated:
        # A slice of a device names its own size last.
        return float(stated[-1]) * 1024.0 * _USABLE
    if any(word in plain for word in _UNSURE):
        return None
    found = [part for part in _MIB if re.search(rf"(^|[ ,;:]){re.escape(part)}($|[ ,;:)])", plain)]
    if not found:
        return None
    best = max(found, key=len)
    # "RTX 3080 Ti" must not be taken for a shorter name, nor "2080 SUPER" for a 2080.
    rest = plain.split(best, 1)[1].split(",")[0].strip()
    return None if rest.startswith(("ti", "super", "ada", "d ")) else float(_MIB[best])
