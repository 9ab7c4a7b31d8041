"""The library as an AAR, and a Maven repository of it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from android_app.tools.archive import Entry, write_archive
from android_app.tools.java import MIN_SDK
from android_app.tools.toolchain import ROOT

GROUP = "org.slu"
RULES = ROOT / "android_app/library/proguard.txt"
MANIFEST = f"""<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="org.slu">
  <uses-sdk android:minSdkVersion="{MIN_SDK}" />
</manifest>
"""
METADATA = """aarFormatVersion=1.0
aarMetadataVersion=1.0
minCompileSdk=1
minCompileSdkExtension=0
minAndroidGradlePluginVersion=1.0.0
"""


@dataclass(frozen=True)
class Artifact:
    """What Maven knows a library by."""

    name: str
    description: str


FULL = Artifact("slu", "Spoken-language understanding on the device, with the default model")
CORE = Artifact("slu-core", "Spoken-language understanding on the device, without a model")


def version() -> str:
    """SLU_VERSION of slu.h."""
    header = (ROOT / "cpp_runtime/include/slu/slu.h").read_text(encoding="utf-8")
    found = re.search(r'^#define SLU_VERSION "(.+)"$', header, re.MULTILINE)
    assert found
    return found.group(1)


def build_aar(classes: Path, natives: dict[str, Path], target: Path, *, model: Path | None = None) -> Path:
    """Write an AAR. ``classes``: classes.jar; ``natives``: libslu_jni.so by ABI; ``model``: for its assets."""
    assets = [Entry("assets/model.gguf", model.read_bytes())] if model else []
    return write_archive(
        target,
        [
            Entry("AndroidManifest.xml", MANIFEST.encode()),
            Entry("META-INF/com/android/build/gradle/aar-metadata.properties", METADATA.encode()),
            Entry("R.txt", b""),
            *assets,
            Entry("classes.jar", classes.read_bytes()),
            *(Entry(f"jni/{abi}/libslu_jni.so", natives[abi].read_bytes()) for abi in sorted(natives)),
            Entry("proguard.txt", RULES.read_bytes()),
        ],
    )


def publish(repository: Path, artifact: Artifact, aar: Path, sources: Path, javadoc: Path) -> None:
    """Put an AAR into a Maven repository: a directory that Gradle takes by its path or from any web server."""
    directory = repository / GROUP.replace(".", "/") / artifact.name / version()
    stem = f"{artifact.name}-{version()}"
    directory.mkdir(parents=True, exist_ok=True)
    files = {f"{stem}.aar": aar, f"{stem}-sources.jar": sources, f"{stem}-javadoc.jar": javadoc}
    for name, path in files.items():
        _write(directory / name, path.read_bytes())
    _write(directory / f"{stem}.pom", _pom(artifact).encode())
    _write(directory.parent / "maven-metadata.xml", _index(artifact).encode())


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        path.with_name(f"{path.name}.{algorithm}").write_text(
            hashlib.new(algorithm, data).hexdigest(), encoding="ascii"
        )


def _pom(artifact: Artifact) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId>
  <artifactId>{artifact.name}</artifactId>
  <version>{version()}</version>
  <packaging>aar</packaging>
  <name>{artifact.name}</name>
  <description>{escape(artifact.description)}</description>
  <licenses>
    <license>
      <name>Apache-2.0</name>
    </license>
  </licenses>
</project>
"""


def _index(artifact: Artifact) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>{GROUP}</groupId>
  <artifactId>{artifact.name}</artifactId>
  <versioning>
    <latest>{version()}</latest>
    <release>{version()}</release>
    <versions>
      <version>{version()}</version>
    </versions>
  </versioning>
</metadata>
"""
