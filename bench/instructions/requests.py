"""Telling valgrind, which runs this process, when to count: its client requests (its manual, section 3.1).

A client request is a run of instructions that changes nothing on a real processor and that valgrind takes
for a call. Python has no way to write one down but as bytes; they are those of ``valgrind.h``, as a function
of one pointer to six words: the request and its arguments.
"""

import ctypes
import mmap
import platform
from collections.abc import Callable
from typing import Final

_CALLGRIND: Final = ord("C") << 24 | ord("T") << 16
_ZERO: Final = _CALLGRIND + 1
_DUMP_AS: Final = _CALLGRIND + 3
_START: Final = _CALLGRIND + 4

_BYTES: Final = {
    "x86_64": bytes.fromhex(
        "4889f8"  # mov rax, rdi
        "31d2"  # xor edx, edx: the answer without valgrind
        "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61 and 51: once around
        "4887db"  # xchg rbx, rbx
        "4889d0"  # mov rax, rdx
        "c3"  # ret
    ),
}

MACHINES: Final = tuple(_BYTES)
"""Where counting works, as :func:`platform.machine` calls them."""


class Callgrind:
    """The tool that runs this process."""

    def __init__(self) -> None:
        code = _BYTES[platform.machine()]
        self._memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._memory.write(code)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._call: Callable[[ctypes.Array[ctypes.c_uint64]], int]
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64))(place)

    def start(self) -> None:
        """Count from here on; until then the process runs ten times as fast."""
        self._request(_START)

    def zero(self) -> None:
        """Forget what was counted."""
        self._request(_ZERO)

    def dump(self, name: str) -> None:
        """Write what was counted since :meth:`zero`, in all threads, to a file that says ``name``."""
        text = ctypes.create_string_buffer(name.encode())
        self._request(_DUMP_AS, ctypes.addressof(text))

    def _request(self, *words: int) -> None:
        self._call((ctypes.c_uint64 * 6)(*words))
