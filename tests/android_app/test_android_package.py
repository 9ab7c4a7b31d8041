"""The files that `make android` makes, as a phone, a store and Gradle look at them."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from machines import ROOT

from android_app.tools import aar
from android_app.tools.archive import ALIGNMENT_FIELD
from android_app.tools.build import MODEL, build
from android_app.tools.native import ABIS, DIRECTORIES
from android_app.tools.packages import cache, locked
from android_app.tools.toolchain import BUILD, Toolchain, debian_program
from bench_arm.emulated.android import APK
from bench_arm.emulated.daemon import Daemon
from bench_arm.emulated.machine import Machine
from bench_arm.emulated.profiles import get_profile

PAGE = 16384


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    return {path.name: path for path in build(["arm64-v8a"], MODEL)}


@pytest.fixture(scope="module")
def app(built: dict[str, Path]) -> Path:
    return built["slu-demo.apk"]


def hashes() -> dict[str, str]:
    files = [*BUILD.glob("*.a[ap][rk]"), *(path for path in (BUILD / "maven").rglob("*") if path.is_file())]
    return {str(path.relative_to(BUILD)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes(built: dict[str, Path]) -> None:
    before = hashes()
    assert len(before) == 3 + 2 * 5 * 5, "the packages; of two artifacts five files, each with four checksums"
    # One of the three, by the same commands as the others.
    for part in (ROOT / "build" / DIRECTORIES["arm64-v8a"] / "jni").rglob("*.[os]*"):
        if part.suffix in (".o", ".so"):
            part.unlink()
    build(["arm64-v8a"], MODEL)
    assert hashes() == before


def test_sizes(built: dict[str, Path]) -> None:
    assert built["slu-demo.apk"].stat().st_size <= MODEL.stat().st_size + 350_000
    assert built["slu-core.aar"].stat().st_size <= 300_000


def test_what_the_manifest_says(app: Path, tools: Toolchain) -> None:
    badging = run([*tools.aapt, "dump", "badging", str(app)])
    assert re.search(rf"^package: name='org\.slu\.demo' versionCode='\d+' versionName='{aar.version()}'", badging, re.M)
    assert "\nsdkVersion:'21'\n" in badging
    assert "\ntargetSdkVersion:'35'\n" in badging
    # The microphone and nothing else: no network.
    assert re.findall(r"^uses-permission.*", badging, re.M) == [
        "uses-permission: name='android.permission.RECORD_AUDIO'"
    ]
    assert "uses-implied-permission" not in badging
    assert "\nnative-code: 'arm64-v8a'\n" in badging
    assert "zh" in re.search(r"^locales:(.*)", badging, re.M).group(1)  # type: ignore[union-attr]
    assert "launchable-activity: name='org.slu.demo.MainActivity'" in badging
    tree = run([*tools.aapt, "dump", "xmltree", str(app), "AndroidManifest.xml"])
    assert re.search(r"android:extractNativeLibs\S*=\(type 0x12\)0x0\b", tree), "libraries are mapped from the APK"
    assert "android:debuggable" not in tree


def test_signatures(app: Path, tools: Toolchain) -> None:
    printed = run([*tools.apksigner, "verify", "--verbose", "--Werr", "--min-sdk-version", "21", str(app)])
    assert printed.startswith("Verifies\n")
    for scheme in (
        "v1 scheme (JAR signing)",
        "v2 scheme (APK Signature Scheme v2)",
        "v3 scheme (APK Signature Scheme v3)",
    ):
        assert f"Verified using {scheme}: true" in printed
    assert "Number of signers: 1" in printed


def test_what_is_mapped_is_stored_and_aligned(app: Path) -> None:
    data = app.read_bytes()
    found = set()
    with zipfile.ZipFile(app) as archive:
        for info in archive.infolist():
            name_size, extra_size = struct.unpack_from("<HH", data, info.header_offset + 26)
            start = info.header_offset + 30 + name_size + extra_size
            if info.filename.endswith((".so", ".gguf", ".arsc")):
                assert info.compress_type == zipfile.ZIP_STORED, info.filename
                assert start % (PAGE if info.filename.endswith(".so") else 4) == 0, info.filename
                [identity] = struct.unpack_from("<H", data, start - extra_size)
                assert identity == ALIGNMENT_FIELD
                found.add(info.filename)
        assert archive.read("assets/model.gguf") == MODEL.read_bytes()
    assert found == {"resources.arsc", "assets/model.gguf", "lib/arm64-v8a/libslu_jni.so"}


@pytest.mark.parametrize("abi", ABIS)
def test_native_libraries_need_nothing(built: dict[str, Path], abi: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(built["slu.aar"]) as archive:
        library = Path(archive.extract(f"jni/{abi}/libslu_jni.so", tmp_path))
    machine = {"arm64-v8a": "AArch64", "x86_64": "Advanced Micro Devices X86-64", "armeabi-v7a": "ARM"}[abi]
    assert re.search(rf"Machine: +{machine}$", run(["readelf", "-h", str(library)]), re.M)
    dynamic = run(["readelf", "-dW", str(library)])
    assert "NEEDED" not in dynamic and "TEXTREL" not in dynamic
    assert "soname: [libslu_jni.so]" in dynamic
    symbols = run(["readelf", "--dyn-syms", "-W", str(library)]).splitlines()
    names = {line.split()[-1]: line for line in symbols if re.match(r" +[1-9]\d*:", line)}
    assert set(names) == {"JNI_OnLoad", "JNI_OnUnload"}
    assert not any(" UND " in line for line in names.values())
    segments = [line.split() for line in run(["readelf", "-lW", str(library)]).splitlines() if " LOAD " in line]
    assert segments and all(int(words[-1], 16) >= PAGE for words in segments)
    assert ".symtab" not in run(["readelf", "-SW", str(library)]), "stripped"
    assert library.stat().st_size <= 260_000


def test_code(app: Path, checks: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(app) as archive:
        code = archive.extract("classes.dex", tmp_path)
    program = debian_program(checks, "usr/bin/dexdump")
    done = subprocess.run([*program, "-d", "-f", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    assert not re.search(r"warning|error:|invalid", done.stdout.split("Class #0", 1)[0], re.IGNORECASE)
    for name in ("SluModel", "Parser", "SluNative", "demo/MainActivity"):
        assert f"Class descriptor  : 'Lorg/slu/{name};'" in done.stdout


@pytest.mark.parametrize("name", ["slu.aar", "slu-core.aar"])
def test_libraries(built: dict[str, Path], name: str) -> None:
    with zipfile.ZipFile(built[name]) as archive:
        names = archive.namelist()
        natives = {f"jni/{abi}/libslu_jni.so" for abi in ABIS}
        metadata = "META-INF/com/android/build/gradle/aar-metadata.properties"
        model = {"assets/model.gguf"} if name == "slu.aar" else set()
        parts = {"AndroidManifest.xml", "R.txt", "classes.jar", "proguard.txt", metadata}
        assert set(names) == parts | natives | model
        assert len(names) == len(set(names))
        assert b"-keep class org.slu.SluNative" in archive.read("proguard.txt")
        assert b"uses-permission" not in archive.read("AndroidManifest.xml")
        with archive.open("classes.jar") as inner, zipfile.ZipFile(inner) as jar:
            classes = {entry for entry in jar.namelist() if entry.endswith(".class")}
            assert all(jar.read(entry)[6:8] == b"\0\x34" for entry in classes), "Java 8"
            assert "org/slu/SluModel.class" in classes


def test_maven_repository(built: dict[str, Path]) -> None:
    for artifact, package in (("slu", "slu.aar"), ("slu-core", "slu-core.aar")):
        directory = BUILD / "maven/org/slu" / artifact / aar.version()
        stem = f"{artifact}-{aar.version()}"
        assert (directory / f"{stem}.aar").read_bytes() == built[package].read_bytes()
        pom = (directory / f"{stem}.pom").read_text(encoding="utf-8")
        for line in (
            "<groupId>org.slu</groupId>",
            f"<artifactId>{artifact}</artifactId>",
            "<packaging>aar</packaging>",
        ):
            assert line in pom
        with zipfile.ZipFile(directory / f"{stem}-sources.jar") as sources:
            assert "org/slu/SluModel.java" in sources.namelist()
        with zipfile.ZipFile(directory / f"{stem}-javadoc.jar") as pages:
            assert "org/slu/SluModel.html" in pages.namelist()
        for path in directory.glob("*.sha256"):
            assert path.read_text() == hashlib.sha256(path.with_suffix("").read_bytes()).hexdigest()


def test_downloads_are_what_the_lock_says(tools: Toolchain, checks: Path) -> None:
    for package in locked("build") + locked("check"):
        data = (cache() / "debian" / package.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == package.sha256, package.name


def test_installing_it_over_adb(app: Path, tmp_path: Path) -> None:
    """`make android-install` with adb, as far as an emulated phone goes: it keeps the file and runs nothing."""
    (tmp_path / "phone").mkdir()
    with Daemon(Machine(get_profile("kirin985"), tmp_path / "phone"), keys=False) as daemon:
        own = {"HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": "5139", "ANDROID_SERIAL": daemon.serial}
        environment = {**os.environ, **own}
        try:
            assert "connected" in run(["adb", "connect", daemon.serial], environment)
            run(["adb", "wait-for-device"], environment)
            assert "Success" in run(["make", "-C", str(ROOT), "-o", "android", "android-install"], environment)
            assert run(["adb", "shell", "pm", "path", "org.slu.demo"], environment).startswith("package:/data/app/")
            assert (tmp_path / "phone" / APK).read_bytes() == app.read_bytes()
            assert "Success" in run(["adb", "uninstall", "org.slu.demo"], environment)
        finally:
            run(["adb", "kill-server"], environment)
        assert daemon.unhandled == []


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
