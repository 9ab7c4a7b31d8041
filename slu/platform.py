"""What native libraries need from the process they are loaded into."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

CPUINFO = Path("/proc/cpuinfo")
SLOTS: dict[str, bool] = {"slots": True} if sys.version_info >= (3, 10) else {}
"""For `dataclass`: objects of which there are many take half of the memory. Python 3.9 cannot."""
EXTRAS = {
    "train": (
        "paddle",
        "paddlenlp",
        "paddleslim",
        "jieba",
        "visualdl",
        "matplotlib",
        "jinja2",
        "gguf",
        "tokenizers",
        "sklearn",
        "scipy",
    ),
    "onnx": ("onnx", "onnxruntime", "paddle2onnx"),
    "lite": ("paddlelite",),
    "fastdeploy": ("fastdeploy",),
    "noise": ("pypinyin", "opencc"),
    "device": ("adb_shell", "usb1"),
    "serve": ("fastapi", "uvicorn", "httptools", "uvloop", "prometheus_client"),
    "ray": ("ray",),
}
"""The modules that an extra of the package brings: ``pip install "slu[train]"``."""
TRAINING_PYTHON = (3, 10)
"""The only Python for which Paddle 2.6.2 and all that it takes can be installed together."""
UNUSED = {
    "paddle": ("httpx", "cv2", "paddle.utils.cpp_extension", "paddle.utils.cpp_extension.extension_utils"),
    "fastdeploy": ("requests", "cv2"),
}
"""What packages import with themselves for functions that nothing here calls: a quarter of the time that they take."""
_WRITE_HOME = (*UNUSED, "paddlenlp", "visualdl")
"""Packages that write into the home directory when they are imported, or may do so."""
_HOME = "slu-home-"
"""What the names of temporary home directories begin with."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of these settings in <malloc.h>."""


def prepare_paddle() -> None:
    """Set what Paddle reads when it is imported; call it before that. What the user has set stays.

    ``MKL_DEBUG_CPU_TYPE``: Paddle's MKL takes a slow path on AMD processors unless it is told which instructions
    there are (18 against 72 GFLOP/s in a float matrix product on one Zen 5 core). ``FLAGS_use_stride_kernel``: with
    views instead of copies, Paddle 2.6 copies later, and more slowly (a training step takes 15 % longer).
    ``GLOG_minloglevel``: warnings of the native libraries and less are not printed, errors are.

    Modules of `UNUSED` are imported when one uses them (Paddle itself: 1.9 s of processor time instead of 2.7). A home
    directory is looked for when the first package that writes into it is imported (see `use_writable_home`).
    """
    kind = mkl_cpu_type(_first_processor())
    if kind is not None:
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", kind)
    os.environ.setdefault("FLAGS_use_stride_kernel", "0")
    os.environ.setdefault("GLOG_minloglevel", "2")
    # Paddle imports setuptools after distutils, which is no concern of who runs it.
    warnings.filterwarnings("ignore", message="Setuptools is replacing distutils")
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _Finder)


class _Finder:
    """Finds the packages of `_WRITE_HOME` where they are, and has them loaded by `_Loader`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in _WRITE_HOME else None
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads a package while `_Later` stands for what it does not need.

    `importlib.util.LazyLoader` would import that nevertheless: `inspect.getmodule` asks all modules for their file.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self.loader
        use_writable_home()
        unused = {name: _Later(name) for name in UNUSED.get(module.__name__, ()) if name not in sys.modules}
        sys.modules.update(unused)
        try:
            self.loader.exec_module(module)
        finally:
            for name, later in unused.items():
                if sys.modules.get(name) is later:
                    del sys.modules[name]


class _Later(ModuleType):
    """A module that is imported when one of its attributes is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute in ("__file__", "__path__"):
            raise AttributeError(f"{self.__name__} is not imported yet")
        inner = sys.modules.get(f"{self.__name__}.{attribute}")
        if isinstance(inner, _Later):
            return inner
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def use_writable_home() -> None:
    """Give libraries that write into the home directory when they are imported (PaddleNLP, VisualDL) a temporary one
    where the user's cannot be written to. It is removed at exit. Raises `OutputError` where none can be made.
    """
    try:
        home: Path | None = Path.home()
    except RuntimeError:  # this user has none
        home = None
    if home is None or not os.access(home, os.W_OK) or not home.is_dir():
        from slu.errors import OutputError

        try:
            os.environ["HOME"] = _temporary_home()
        except OSError as error:
            raise OutputError(
                f"{home or 'HOME'}: no directory that can be written to, which Paddle needs, and there is none for "
                "temporary files; set HOME or TMPDIR to one"
            ) from error


def _temporary_home() -> str:
    """A new directory, removed at exit. Those that processes left behind which were killed are removed now: a process
    has a lock on its own as long as it lives."""
    import atexit
    import shutil
    import tempfile

    for left in Path(tempfile.gettempdir()).glob(f"{_HOME}*"):
        with contextlib.suppress(OSError):
            lock = _locked(left, wait=False)
            if lock is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(lock)
    while True:
        path = Path(tempfile.mkdtemp(prefix=_HOME))
        with contextlib.suppress(OSError):  # not every file system can lock directories
            _locked(path, wait=True)
        if path.is_dir():  # no other process has taken it for one that was left behind
            atexit.register(shutil.rmtree, path, ignore_errors=True)
            return str(path)


def _locked(directory: Path, wait: bool) -> int | None:
    """The descriptor of a directory of this user with a lock that excludes others or, with ``wait``, a shared one.

    None where directories cannot be locked. Raises `OSError` for one that is somebody else's, or in use.
    """
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(directory)
        fcntl.flock(descriptor, fcntl.LOCK_SH if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def keep_freed_memory() -> None:
    """Let the allocator keep what is freed, for a process that trains: Paddle asks for the same blocks in every step.

    glibc returns large blocks to the kernel, which has to clear them when they are asked for again (a tenth of the time
    of a training step). Elsewhere than with glibc nothing happens.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def mkl_cpu_type(processor: str) -> str | None:
    """``MKL_DEBUG_CPU_TYPE`` for a processor as ``/proc/cpuinfo`` describes it; None where MKL chooses well itself."""
    fields = {}
    for line in processor.splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    if fields.get("vendor_id") != "AuthenticAMD":
        return None
    flags = set(fields.get("flags", "").split())
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return "7"
    return "5" if "avx2" in flags else None


@contextlib.contextmanager
def native_output_on_stderr() -> Iterator[None]:
    """What native code prints on standard output in this block goes to standard error: results stay parseable.

    It works on file descriptors, so it holds for the whole process: not for use beside threads that print.
    """
    import ctypes

    flush = ctypes.CDLL(None).fflush
    if sys.stdout is not None:
        sys.stdout.flush()
    flush(None)
    try:
        saved = os.dup(1)
    except OSError:  # it is closed: there is nothing to keep clean
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        flush(None)  # C's own buffer must be written while it still goes the other way
        os.dup2(saved, 1)
        os.close(saved)


def not_installed(what: str, extra: str) -> str:
    """What to do about ``what``, which an extra of the package brings."""
    return f'{what} is not installed; pip install "slu[{extra}]" brings it, or make setup in a clone of the project'


def missing_extra(module: str) -> str | None:
    """What to do about a module that is not installed; None for one that no extra brings."""
    for extra, modules in EXTRAS.items():
        if module.partition(".")[0] in modules:
            message = not_installed(module.partition(".")[0], extra)
            if sys.version_info[:2] == TRAINING_PYTHON or extra in ("noise", "device", "serve", "ray"):
                return message
            return f"{message}; for Python 3.10 only (this is {sys.version_info[0]}.{sys.version_info[1]})"
    return None


def entry_points(group: str) -> list[EntryPoint]:
    """What the installed packages have registered in ``group``, each once."""
    from importlib import metadata

    if sys.version_info >= (3, 10):
        return list(metadata.entry_points(group=group))
    return list(dict.fromkeys(metadata.entry_points().get(group, ())))


def _first_processor() -> str:
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            return "".join(iter(lambda: lines.readline().rstrip(" \t\n") + "\n", "\n"))
    except OSError:
        return ""
