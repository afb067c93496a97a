"""NPZ files: `python tests/fuzz/fuzz_npz.py -n 100000`."""

import io
import zipfile

import numpy as np
from driver import Target, main

from lifesigns.nets.data import load

INPUTS = np.random.default_rng(0).normal(size=(40, 3))
LABELS = np.arange(40) % 3
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DESCRIPTIONS = (
    "'<f8'", "'|O'", "'<U3'", "'<U0'", "'<c16'", "'<M8[s]'", "'|b1'", "'<f2'", "'>i4'", "'|V8'",
    "'<f16'", "'|S4'", "[('a', '<f8')]", "'<U999999999'", "'<q'", "None", "3", "('<f8', (2,))",
)  # fmt: skip
SHAPES = (
    "(40, 3)", "(40,)", "()", "(0,)", "(0, 3)", "(40, 0)", "(-1, 3)", "(120,)", "(3, 40)",
    "(40,3,1)",
    "(10**9,)", "(99999999999, 99999999)", "(4294967296, 0)", "(40.0, 3)", "(True, 3)", "40",
    "[40, 3]",
    "(40, 'x')", "(" + "1, " * 100 + ")", "(" + "(" * 500, "(9223372036854775807,)", "(40, 3, 0)",
)  # fmt: skip


def saved(*, compressed=False, **arrays):
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def examples(_):
    words = np.array(["cat", "dog", "pig"])[LABELS]
    return [
        saved(X=INPUTS, y=LABELS),
        saved(X=INPUTS.astype("f4"), y=LABELS.astype(float), compressed=True),
        saved(X=np.asfortranarray(INPUTS), y=INPUTS[:, :2]),
        saved(X=INPUTS.reshape(40, 3, 1) > 0, y=words, other=np.zeros(3)),
        saved(X=np.full((40, 3), np.nan), y=LABELS),
        saved(X=INPUTS * 1e300, y=LABELS),
    ]


def header(random):
    """An array whose header may say anything, with some bytes behind it."""
    fortran = random.choice(("False", "True", "None", "3"))
    text = f"{{'descr': {random.choice(DESCRIPTIONS)}, 'fortran_order': {fortran}, "
    text += f"'shape': {random.choice(SHAPES)}, }}"
    text = random.choice((text, text, text, "[" * 3000, "-" * 5000 + "1", text * 200, text[:40]))
    size = random.choice((len(text), len(text), len(text), 0, 10, 65535))
    size = min(size, 65535)
    version = random.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\x09\0"))
    length = size.to_bytes(2 if version == b"\1\0" else 4, "little")
    body = random.choice((INPUTS.tobytes(), LABELS.tobytes(), b"", b"\xff" * 960, b"\0" * 480))
    return b"\x93NUMPY" + version + length + text.encode() + body


def damage(random, data):
    """The members of the archive written anew, some of them other ones."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(random.choice((1, 1, 2))):
        place = random.randrange(len(members))
        name = random.choice((members[place][0], "X.npy", "y.npy", "../X.npy", "X", "", "é.npy"))
        content = random.choice((header(random), members[place][1], b"\0" * 100_000))
        members[place : place + random.choice((0, 1, 1, 1))] = [(name, content)]
    stream = io.BytesIO()
    method = random.choice((*METHODS * 9, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            if name not in archive.namelist():  # twice the same is a warning, which is an error
                archive.writestr(entry, content)
    return stream.getvalue()


def read(data, folder):
    path = folder / "table.npz"
    path.write_bytes(data)
    load(path)


TARGET = Target("npz", examples, damage, read)

if __name__ == "__main__":
    main(TARGET)
