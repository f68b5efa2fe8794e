"""Copies engines so that they find no AVX-512: what `peers.py --avx2` needs.

    hide_avx512.py TARGET PACKAGE...

Engines ask the system by the instruction XGETBV which registers it saves before they use them. In
the copies, made from this Python's packages, the answer names those of AVX2 at most.
"""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

# `xor ecx, ecx` or `mov ecx, 0`, a few other instructions, `xgetbv`.
QUESTION = re.compile(rb"(?:[\x31\x33]\xc9|\xb9\x00\x00\x00\x00)(?:[^\x0f]|\x0f(?!\x01\xd0)){0,12}?(\x0f\x01\xd0)", re.S)
# `mov al, 7` (x87, SSE and AVX, without bits 5 to 7 of AVX-512) and `nop`: as long as `xgetbv`.
ANSWER = b"\xb0\x07\x90"


def main():
    target, *packages = sys.argv[1:]
    for package in packages:
        source = Path(importlib.util.find_spec(package).origin).parent
        copy = Path(target) / package
        shutil.copytree(source, copy, dirs_exist_ok=True)
        libraries = source.with_name(f"{package}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name), dirs_exist_ok=True)
        for library in copy.rglob("*.so*"):
            if not library.is_symlink():
                patch(library)


def patch(library):
    code = bytearray(library.read_bytes())
    places = [match.start(1) for match in QUESTION.finditer(bytes(code))]
    for place in places:
        code[place : place + len(ANSWER)] = ANSWER
    if places:
        library.write_bytes(code)
        print(f"{library}: {len(places)}")


if __name__ == "__main__":
    main()
