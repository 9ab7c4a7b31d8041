"""What is set for native libraries, and that their chatter stays off standard output."""

from __future__ import annotations

import atexit
import ctypes
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
import tomli

from slu import platform
from slu.platform import EXTRAS, missing_extra, mkl_cpu_type, native_output_on_stderr, prepare_paddle
from slu.runtime.formats import BACKENDS, FORMATS

ROOT = Path(__file__).parents[2]
AVX2 = "fpu sse4_2 avx avx2"
AVX512 = f"{AVX2} avx512f avx512dq avx512bw avx512vl avx512_vnni"


def cpuinfo(vendor: str, flags: str) -> str:
    return f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: a: b\nflags\t\t: {flags}\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("vendor", "flags", "kind"),
    [
        ("AuthenticAMD", AVX512, "7"),
        ("AuthenticAMD", AVX2, "5"),
        ("AuthenticAMD", "fpu avx512f avx2", "5"),
        ("AuthenticAMD", "fpu sse4_2", None),
        ("GenuineIntel", AVX512, None),
    ],
)
def test_mkl_is_told_about_amd_processors_only(
    vendor: str, flags: str, kind: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mkl_cpu_type(cpuinfo(vendor, flags)) == kind
    (tmp_path / "cpuinfo").write_text(cpuinfo(vendor, flags))
    monkeypatch.setattr(platform, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("MKL_DEBUG_CPU_TYPE", raising=False)
    prepare_paddle()
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == kind
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "4")
    monkeypatch.setenv("GLOG_minloglevel", "0")
    prepare_paddle()
    assert [os.getenv(name) for name in ("MKL_DEBUG_CPU_TYPE", "GLOG_minloglevel")] == ["4", "0"]


def test_a_machine_without_cpuinfo_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "CPUINFO", tmp_path / "none")
    monkeypatch.delenv("MKL_DEBUG_CPU_TYPE", raising=False)
    prepare_paddle()
    assert "MKL_DEBUG_CPU_TYPE" not in os.environ


def test_only_the_warning_of_setuptools_is_silenced() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        prepare_paddle()
        warnings.warn("Setuptools is replacing distutils.", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["something else"]


def test_native_output_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    native = ctypes.CDLL(None)
    print("one")
    native.printf(b"two\n")
    with native_output_on_stderr():
        native.printf(b"chatter\n")
        os.write(1, b"more\n")
    print("three", flush=True)
    with pytest.raises(ValueError, match="x"), native_output_on_stderr():
        raise ValueError("x")
    native.printf(b"four\n")
    native.fflush(None)
    captured = capfd.readouterr()
    assert captured.out == "one\ntwo\nthree\nfour\n"
    assert captured.err == "chatter\nmore\n"


def test_a_closed_standard_output_is_no_error() -> None:
    code = "from slu.platform import native_output_on_stderr\nwith native_output_on_stderr(): import os\n"
    command = f'exec "{sys.executable}" -c "{code}" >&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_paddle_copies_at_once_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "FLAGS_use_stride_kernel"  # Paddle spells it so
    monkeypatch.delenv(name, raising=False)
    prepare_paddle()
    assert os.getenv(name) == "0"
    monkeypatch.setenv(name, "1")
    prepare_paddle()
    assert os.getenv(name) == "1"


def test_a_process_that_trains_keeps_the_memory_that_it_frees() -> None:
    script = """
import ctypes, sys
from slu.platform import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
size = 64 << 20
block = libc.malloc(ctypes.c_size_t(size))
ctypes.memset(block, 1, size)
libc.free(block)
print(4096 * int(open("/proc/self/statm").read().split()[1]) > size)
"""
    for what, kept in (("keep", "True"), ("default", "False")):
        done = subprocess.run([sys.executable, "-c", script, what], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == kept


def test_a_missing_module_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    brings = 'is not installed; pip install "slu[%s]" brings it, or make setup in a clone of the project'
    assert missing_extra("paddle.nn") == f"paddle {brings % 'train'}"
    assert missing_extra("slu.nothing") is None
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    assert str(missing_extra("paddlelite.lite")).endswith(f"{brings % 'lite'}; for Python 3.10 only (this is 3.13)")
    assert str(missing_extra("opencc")).endswith(brings % "noise")


@pytest.mark.parametrize("command", [["train"], ["run"]])
def test_a_command_without_its_libraries(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('paddle', 'paddlenlp'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from slu.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    recipe = str(ROOT / "configs/demo.toml")
    arguments = [*command, *(["--config"] if command == ["train"] else []), recipe, "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"slu: error: {command[0]}: paddle is not installed; pip install")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("home", ["/nonexistent/home", "/dev/null"])
def test_a_home_that_cannot_be_written_to_is_replaced(home: str, tmp_path: Path) -> None:
    code = (
        "import os, pathlib\n"
        "from slu.platform import use_writable_home\n"
        "use_writable_home()\n"
        "assert os.access(pathlib.Path.home(), os.W_OK)\n"
        "print(pathlib.Path.home())\n"
    )
    environment = {**os.environ, "HOME": home, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert Path(done.stdout.strip()).parent == tmp_path
    assert not list(tmp_path.iterdir())  # it is removed at exit


def test_a_home_is_made_for_who_writes_into_it_only(tmp_path: Path) -> None:
    """Where nothing can be written to, other commands work, and those that import such a package say it in a line."""
    code = (
        "import sys, tempfile\n"
        "from slu.errors import OutputError\n"
        "from slu.platform import prepare_paddle\n"
        "tempfile.tempdir = '/dev/null/none'\n"
        "prepare_paddle()\n"
        "try:\n"
        "    import paddle\n"
        "except OutputError as error:\n"
        "    sys.exit(str(error))\n"
    )
    environment = {**os.environ, "HOME": "/nonexistent/home"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr == (
        "/nonexistent/home: no directory that can be written to, which Paddle needs, and there is none for temporary "
        "files; set HOME or TMPDIR to one\n"
    )


def test_temporary_homes_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(atexit, "register", lambda *_, **__: None)
    left, live = Path(platform._temporary_home()), Path(platform._temporary_home())
    assert left.is_dir() and live.is_dir()  # this process lives, and has a lock on both
    (tmp_path / "slu-home-left" / ".cache").mkdir(parents=True)
    (tmp_path / "slu-home-link").symlink_to(tmp_path)
    new = Path(platform._temporary_home())
    assert sorted(tmp_path.iterdir()) == sorted([left, live, new, tmp_path / "slu-home-link"])


def test_extras_are_those_of_the_package_and_of_the_formats() -> None:
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert EXTRAS.keys() <= project["optional-dependencies"].keys()
    for form in FORMATS.values():
        assert set(form.modules) <= set(EXTRAS.get(form.extra, ())), form.name
    for entry in BACKENDS.values():
        assert not entry.extra or entry.module in EXTRAS[entry.extra], entry.name


def test_what_paddle_does_not_need_is_imported_when_it_is_used() -> None:
    code = (
        "import inspect, sys\n"
        "from slu.platform import UNUSED, prepare_paddle\n"
        "prepare_paddle()\n"
        "import paddle\n"
        "inspect.getmodule(paddle.nn.Linear.forward.__code__)\n"  # looks through all modules
        "assert not set(UNUSED['paddle']) & set(sys.modules)\n"
        "assert inspect.getsource(paddle) and paddle.__loader__ is paddle.__spec__.loader\n"
        "import httpx._client\n"
        "assert paddle.utils.download.httpx.Client is httpx.Client is httpx._client.Client\n"
        "run = paddle.utils.cpp_extension.extension_utils.run_cmd\n"
        "from paddle.utils.cpp_extension import CppExtension, extension_utils\n"
        "assert CppExtension and run is extension_utils.run_cmd\n"
        "import fastdeploy\n"
        "assert 'requests' not in sys.modules\n"
        "assert sys.modules['fastdeploy.download'].requests.__version__ and 'requests' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
