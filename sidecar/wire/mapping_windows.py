"""Windows: a named file mapping `Local\\vitrine-<128 random bits>` backed by the page file.

`mmap` alone would silently open an existing name; here an existing name is fatal, so kernel32 is asked directly.
"""

from __future__ import annotations

import ctypes
import re
import secrets
from ctypes import wintypes
from typing import Any

_NAME = re.compile(r"Local\\vitrine-[0-9a-f]{32}")
PAGE_READWRITE = 0x04
FILE_MAP_READ_WRITE = 0x0006
ERROR_ALREADY_EXISTS = 183
INVALID_HANDLE = ctypes.c_void_p(-1).value


def _kernel32() -> Any:
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel32.CreateFileMappingW.restype = wintypes.HANDLE
    kernel32.CreateFileMappingW.argtypes = [
        wintypes.HANDLE,
        ctypes.c_void_p,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.LPCWSTR,
    ]
    kernel32.OpenFileMappingW.restype = wintypes.HANDLE
    kernel32.OpenFileMappingW.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR]
    kernel32.MapViewOfFile.restype = ctypes.c_void_p
    kernel32.MapViewOfFile.argtypes = [
        wintypes.HANDLE,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.c_size_t,
    ]
    kernel32.UnmapViewOfFile.argtypes = [ctypes.c_void_p]
    kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
    return kernel32


class Mapping:
    """One mapped view; `name` is what a peer of the same session opens."""

    def __init__(self, kernel32: Any, handle: int, size: int, *, name: str) -> None:
        self.name = name
        self.identity = 0  # names are random and never used again
        self._kernel32 = kernel32
        self._handle: int | None = handle
        # Asking for `size` bytes fails if the mapping is smaller, so a short mapping is never read past its end.
        self._address = kernel32.MapViewOfFile(handle, FILE_MAP_READ_WRITE, 0, 0, size)
        if not self._address:
            raise OSError(f"MapViewOfFile failed with error {_last_error()}")
        self.buffer = (ctypes.c_ubyte * size).from_address(self._address)

    def close(self) -> None:
        """Unmaps the view and closes the handle."""
        if self._handle is not None:
            self._kernel32.UnmapViewOfFile(self._address)
            self._kernel32.CloseHandle(self._handle)
            self._handle = None


def create(size: int) -> Mapping:
    """A new named mapping of `size` bytes. Raises `FileExistsError` if the name is taken: somebody squats on it."""
    kernel32 = _kernel32()
    name = f"Local\\vitrine-{secrets.token_hex(16)}"
    handle = kernel32.CreateFileMappingW(
        INVALID_HANDLE, None, PAGE_READWRITE, size >> 32, size & 0xFFFFFFFF, name
    )
    error = _last_error()
    if not handle:
        raise OSError(f"CreateFileMappingW failed with error {error}")
    if error == ERROR_ALREADY_EXISTS:
        kernel32.CloseHandle(handle)
        raise FileExistsError("the mapping's name exists already")
    return _mapped(kernel32, handle, size, name)


def open_existing(name: str, size: int) -> Mapping:
    """Opens a peer's mapping by name."""
    if not _NAME.fullmatch(name):
        raise ValueError("the offered mapping has an impossible name")
    kernel32 = _kernel32()
    handle = kernel32.OpenFileMappingW(FILE_MAP_READ_WRITE, False, name)
    if not handle:
        raise OSError(f"OpenFileMappingW failed with error {_last_error()}")
    return _mapped(kernel32, handle, size, name)


def _mapped(kernel32: Any, handle: int, size: int, name: str) -> Mapping:
    try:
        return Mapping(kernel32, handle, size, name=name)
    except BaseException:
        kernel32.CloseHandle(handle)
        raise


def _last_error() -> int:
    return int(ctypes.get_last_error())  # type: ignore[attr-defined,unused-ignore]
