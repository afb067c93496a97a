"""Samples in an NPZ file. Nothing in it is trusted: neither its sizes nor its types.

The sizes stand in the directory of the archive and in the header of each array. Both are compared
before anything is unpacked, and pickled objects are never loaded.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lifesigns._errors import UsageError, cut
from lifesigns.nets.samples import (
    MOST_VALUES,
    Table,
    of_numbers,
    refuse_many_columns,
    refuse_many_values,
    refuse_many_words,
)

MOST_BYTES = 8 * MOST_VALUES
"""Of one array, unpacked."""
MOST_DIRECTORY = 2**20
"""Bytes of the archive's directory: 10,000 arrays."""
LONGEST_HEADER = 10_000
NUMBERS, WORDS = "fiub", "U"
"""Kinds of dtype: floats, integers, booleans; text."""
_END = struct.Struct("<4s4H2LH")
"""The last record of a zip archive: mark, numbers of disks and entries, directory size, ..."""


@dataclass(frozen=True)
class _Header:
    """What an array's header says, and how long it is."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{cut(str(self.dtype))}{cut(str(list(self.shape)))}"


def read_npz(path: Path) -> Table:
    """The samples in arrays `X`, shape `[samples, ...]`, and `y`, one target for each sample.

    Args:
        path: An archive as `numpy.savez` writes it; pickled objects are refused.

    Raises:
        UsageError: It is no NPZ file of such arrays, or a larger one than is read.
    """
    with path.open("rb") as file:
        _refuse_other_formats(path, file)
        try:
            with ZipFile(file) as archive:
                return _table(path, archive)
        except (BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError,
                NotImplementedError) as error:  # fmt: skip
            raise UsageError(
                f"{path} is no NPZ file of plain arrays, or damaged: {error}. "
                "Write it with numpy.savez(file, X=inputs, y=targets)."
            ) from error


def _refuse_other_formats(path: Path, file: IO[bytes]) -> None:
    start = file.read(len(npy.MAGIC_PREFIX))
    if start == npy.MAGIC_PREFIX:
        raise UsageError(
            f"{path} is a single array (.npy). An archive of two is expected: "
            "numpy.savez(file, X=inputs, y=targets)."
        )
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - 2 * _END.size))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise UsageError(f"{path} is no NPZ file, or its end is missing.")
    directory = _END.unpack_from(tail, at)[5]
    if directory > MOST_DIRECTORY or tail[: max(0, at - 16)].endswith(b"PK\6\7"):
        raise UsageError(
            f"{path} is a larger archive than is read: its directory has more than "
            f"{MOST_DIRECTORY:,} bytes, or is of the kind for files of 4 GB and more."
        )
    file.seek(0)


def _table(path: Path, archive: ZipFile) -> Table:
    x, y = (_member(path, archive, name) for name in ("X", "y"))
    with archive.open(x) as x_file, archive.open(y) as y_file:
        shape, targets = _header(path, x, x_file), _header(path, y, y_file)
        _refuse_other_arrays(path, shape, targets)
        inputs = _values(path, x, x_file, shape).reshape(shape.shape[0], -1)
        values = _values(path, y, y_file, targets)
    with np.errstate(all="ignore"):  # a number too large for float64 becomes infinite: refused
        inputs = inputs.astype(np.float64)
        if targets.dtype.kind in WORDS:
            return _of_words(path, inputs, values)
        single = values.ndim == 2 and values.shape[1] == 1
        return of_numbers(inputs, (values.ravel() if single else values).astype(np.float64))


def _member(path: Path, archive: ZipFile, name: str) -> ZipInfo:
    """The entry of one array."""
    entries = [entry for entry in archive.infolist() if entry.filename == f"{name}.npy"]
    if not entries:
        names = [entry.filename.removesuffix(".npy") for entry in archive.infolist()]
        held = cut(", ".join(names)) or "nothing"
        raise UsageError(f"{path} holds {held}; arrays X and y are expected.")
    if len(entries) > 1:
        raise UsageError(f"{path} holds {name} {len(entries)} times; one array is expected.")
    (entry,) = entries
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or entry.flag_bits & 1:
        raise UsageError(
            f"{path}: {name} is encrypted, or compressed in a way that NumPy does not use. "
            "Write the file with numpy.savez or numpy.savez_compressed."
        )
    return entry


def _header(path: Path, entry: ZipInfo, file: IO[bytes]) -> _Header:
    """What an array says of itself, checked against the archive's directory."""
    start = file.read(LONGEST_HEADER)
    stream = io.BytesIO(start)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except Exception as error:  # NumPy does not say what it raises on a damaged header
        raise UsageError(
            f"{path}: {entry.filename} does not start as an array does ({type(error).__name__})."
        ) from error
    header = _Header(shape, fortran, dtype, stream.tell())
    if min(shape, default=1) < 0:
        raise UsageError(f"{path}: {entry.filename} is {header}, which is no shape.")
    return header


def _refuse_other_arrays(path: Path, x: _Header, y: _Header) -> None:
    plain = x.dtype.kind in NUMBERS and y.dtype.kind in NUMBERS + WORDS
    if not plain or not x.shape or not y.shape or x.shape[0] != y.shape[0]:
        raise UsageError(
            f"{path}: X is {x}, y is {y}; numbers [samples, features] and one target for each "
            "sample are expected."
        )
    if not math.prod(x.shape[1:]) or not math.prod(y.shape[1:]):
        raise UsageError(f"{path}: X is {x}, y is {y}; at least one column each is expected.")
    for header in (x, y):
        refuse_many_columns(path, math.prod(header.shape[1:]))
        refuse_many_values(path, header.count)


def _values(path: Path, entry: ZipInfo, file: IO[bytes], header: _Header) -> NDArray[Any]:
    size = header.count * header.dtype.itemsize
    if size > MOST_BYTES or size != entry.file_size - header.length:
        raise UsageError(
            f"{path}: {entry.filename} is {header}, which takes {size:,} bytes; it has "
            f"{entry.file_size - header.length:,}, and at most {MOST_BYTES:,} are read."
        )
    file.seek(header.length)
    data = file.read(size)
    if len(data) < size:
        raise UsageError(f"{path}: {entry.filename} ends too early; the file is damaged.")
    values = np.frombuffer(data, header.dtype)
    if header.fortran:
        return np.asarray(values.reshape(header.shape[::-1]).T)
    return np.asarray(values.reshape(header.shape))


def _of_words(path: Path, inputs: NDArray[np.float64], words: NDArray[Any]) -> Table:
    if words.size != len(words):
        raise UsageError(f"{path}: y holds rows of words; one word for each sample is expected.")
    names, labels = np.unique(words.ravel(), return_inverse=True)
    refuse_many_words(path, len(names))
    return Table(inputs, labels.astype(np.int64), len(names))
