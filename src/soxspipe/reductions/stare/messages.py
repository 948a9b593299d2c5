"""Values that go from one process to another through memory that both see."""

from __future__ import annotations

import dataclasses
import functools
import io
import mmap
import os
import pickle
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

WORD = 8


class Registry:
    """Arrays and records that two processes hold alike, known to both by the same numbers; they travel as these.

    Both must add the same values in the same sequence; what values are made of is added with them.
    """

    def __init__(self, values: Iterable[object] = ()) -> None:
        self._values: list[object] = []
        self._numbers: dict[int, int] = {}
        self.add(values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> object:
        return self._values[number]

    def number(self, value: object) -> int | None:
        """Number of a value; None if it is not known."""
        return self._numbers.get(id(value))

    def add(self, values: Iterable[object]) -> None:
        """Make arrays and records known, and those within them and within lists, methods and partial functions."""
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if id(value) in self._numbers:
                continue
            if isinstance(value, np.ndarray):
                self._keep(value)
            elif isinstance(value, tuple | list):
                waiting.extend(value)
            elif isinstance(value, functools.partial):
                waiting.extend((value.func, *value.args, *value.keywords.values()))
            elif isinstance(value, types.MethodType):
                waiting.append(value.__self__)
            elif dataclasses.is_dataclass(value) and not isinstance(value, type):
                self._keep(value)
                waiting.extend(getattr(value, field.name) for field in dataclasses.fields(value))

    def _keep(self, value: object) -> None:
        self._numbers[id(value)] = len(self._values)
        self._values.append(value)


def write_message(value: object, file: int, start: int, registry: Registry) -> int:
    """Write a value to a file in memory from `start` on, and return where it ends; buffers come first, then the pickled rest.

    Raises
    ------
    pickle.PicklingError, AttributeError, TypeError
        If the value cannot be sent; nothing has been written then.
    """
    buffers: list[pickle.PickleBuffer] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, part: object) -> int | None:
            return registry.number(part)

    text = io.BytesIO()
    Pickler(text, protocol=5, buffer_callback=lambda buffer: buffers.append(buffer)).dump(value)
    os.lseek(file, start, os.SEEK_SET)
    sizes = []
    for part in (*(buffer.raw() for buffer in buffers), memoryview(text.getbuffer())):
        sizes.append(part.nbytes)
        while part.nbytes:
            part = part[os.write(file, part) :]
        os.lseek(file, -sizes[-1] % WORD, os.SEEK_CUR)
    os.write(file, np.array([*sizes, len(sizes)], dtype="<u8").tobytes())
    return os.lseek(file, 0, os.SEEK_CUR)


def read_message(file: int, start: int, registry: Registry) -> Any:
    """The value that ends a file in memory and begins at `start`, a multiple of the page size; its arrays lie where they were written."""
    content = memoryview(mmap.mmap(file, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=start))
    n_parts = int(np.frombuffer(content[-WORD:], dtype="<u8")[0])
    sizes = np.frombuffer(content[-WORD * (n_parts + 1) : -WORD], dtype="<u8").astype(int)
    ends = np.cumsum(-(-sizes // WORD) * WORD)
    starts = ends - -(-sizes // WORD) * WORD
    parts = [content[begin : begin + size] for begin, size in zip(starts, sizes, strict=True)]

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> object:
            return registry[number]

    return Unpickler(io.BytesIO(parts[-1]), buffers=parts[:-1]).load()


def next_page(place: int) -> int:
    """First place from here on at which a message may begin."""
    return -(-place // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
