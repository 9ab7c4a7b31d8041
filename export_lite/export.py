"""``slu export``: a checkpoint in, a bundle out, in which every file was run and agrees with the checkpoint."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from export_lite.job import Job
from export_lite.labels_file import add_labels_file
from export_lite.parity import Reference, measure, reference, require_parity
from slu.corpus.utterance import Utterance
from slu.errors import BundleError, ConfigError, SluError
from slu.files import MARK, damage_of, new_directory, real_path, remove_leftovers, sha256
from slu.inputs.pins import copy_pins
from slu.lock import only_writer
from slu.manifest import Manifest, check_replaceable, library_versions
from slu.model.checkpoint import CONFIG, LABELS, LEXICONS, NGRAMS, VOCAB, WEIGHTS, Checkpoint, load_checkpoint
from slu.model.config import ERNIE
from slu.platform import not_installed
from slu.runtime.bundle import EXPORT_STAGE, graph_inputs, open_directory
from slu.runtime.formats import BACKENDS, FORMATS, INT8, Format, resolve


def export_bundle(
    checkpoint_dir: str | Path,
    out: str | Path,
    formats: Sequence[str] | None = None,
    length: int | None = None,
    data: Sequence[Utterance] = (),
    say: Callable[[str], None] = print,
) -> Manifest:
    """Export a checkpoint to the bundle ``out``.

    ``formats``: without them, `default_formats`. ``length``: tokens that the graphs take, [CLS] and [SEP] counted;
    without it, as many as a text may have. ``data``: compared in addition to the built-in texts. ``say``: is told about
    each format.

    Raises `ConfigError` for an impossible format or length, `BundleError` when a format cannot be written, does not run
    or disagrees with the checkpoint; then nothing is left behind, and an earlier bundle stays as it was.
    """
    source, target = Path(checkpoint_dir), Path(out)
    checkpoint = load_checkpoint(source)
    formats = default_formats(checkpoint) if formats is None else formats
    length = _checked(formats, length, checkpoint)
    if real_path(target) == real_path(source):
        raise BundleError(f"{target}: is the checkpoint itself; choose another --out")
    check_replaceable(target, EXPORT_STAGE)
    _load_frameworks()
    manifest = Manifest(
        stage=EXPORT_STAGE,
        inputs=_inputs(source),
        config=_config(formats, length, checkpoint),
        versions=_versions(formats),
        threshold=checkpoint.manifest.threshold,
        history=checkpoint.manifest.as_history(),
    )
    expected = reference(checkpoint, length, data)
    with new_directory(target) as directory:
        for name in (VOCAB, LABELS, CONFIG, LEXICONS, NGRAMS):
            if (source / name).is_file():
                shutil.copyfile(source / name, directory / name)
        _write_formats(checkpoint, length, formats, directory)
        files = {name: form for form in (FORMATS[name] for name in formats) for name in form.files}
        add_labels_file(checkpoint, length, directory, files)
        manifest.config["files"] = {name: _file_entry(directory / name, form) for name, form in files.items()}
        manifest.save(directory)
        matrix, problems = _compare(directory, formats, expected, say, directory)
        if problems:
            raise BundleError(f"{problems[0]}; nothing was written: leave this format out of --format")
        manifest.metrics["parity"] = matrix
        manifest.save(directory)
    copy_pins(source, target)
    return manifest


def check_bundle(
    checkpoint_dir: str | Path,
    bundle: str | Path,
    data: Sequence[Utterance] = (),
    say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], list[str]]:
    """Compare a bundle with the checkpoint that it was exported from, once more.

    Returns the matrix as `export_bundle` leaves it in the manifest, and a line for each backend that does not run or
    differs by more than its bound. Raises `BundleError` when the bundle is of another checkpoint.
    """
    source, directory = Path(checkpoint_dir), Path(bundle)
    checkpoint = load_checkpoint(source)
    manifest = Manifest.load(directory, BundleError)
    if manifest.stage != EXPORT_STAGE:
        raise BundleError(f"{directory}: not a bundle; slu export CHECKPOINT --out DIR makes one")
    made_of, given = ({**inputs, MARK: ""} for inputs in (manifest.inputs, _inputs(source)))
    if made_of != given:
        raise BundleError(f"{directory}: was not exported from {source} but from another checkpoint; export it again")
    formats = [name for name in manifest.config["formats"] if name in FORMATS]
    _load_frameworks()
    return _compare(directory, formats, reference(checkpoint, manifest.config["length"], data), say)


def export_up_to_date(
    checkpoint_dir: str | Path,
    out: str | Path,
    formats: Sequence[str] | None = None,
    length: int | None = None,
    say: Callable[[str], None] = print,
) -> Manifest:
    """As `export_bundle`, unless ``out`` exists already: complete, from the same files and by the same versions."""
    source, target = Path(checkpoint_dir), Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(target):
        remove_leftovers(target)
        return _export_up_to_date(source, target, formats, length, say)


def _export_up_to_date(
    source: Path, target: Path, formats: Sequence[str] | None, length: int | None, say: Callable[[str], None]
) -> Manifest:
    if (target / MARK).is_file():
        try:
            manifest = Manifest.load(target, BundleError)
            checkpoint = load_checkpoint(source)
            formats_ = default_formats(checkpoint) if formats is None else formats
            config = _config(formats_, _checked(formats_, length, checkpoint), checkpoint)
            wanted = (EXPORT_STAGE, _inputs(source), config, _versions(formats_))
            settings = {key: value for key, value in manifest.config.items() if key != "files"}
            damage = damage_of(target)
            if damage:
                raise BundleError(damage)
            open_directory(target).require(*manifest.config["files"])
            if (manifest.stage, manifest.inputs, settings, manifest.versions) == wanted:
                say(f"export: up to date in {target}")
                copy_pins(source, target)
                return manifest
        except SluError as error:
            say(f"export: {target} is damaged ({damage_of(target) or error}); it is made again")
    return export_bundle(source, target, formats, length, say=say)


def default_formats(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Every format that is useful for a checkpoint and can be written with the installed libraries.

    See `slu.runtime.formats.Format` for both conditions.
    """
    return tuple(
        name
        for name, form in FORMATS.items()
        if not form.on_request
        and (form.beside_int8 or not checkpoint.quantised)
        and _why_not(name, checkpoint.quantised) is None
    )


def check_formats(formats: Sequence[str]) -> None:
    """Raise `ConfigError` for a format that is unknown or given twice."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ConfigError(f"--format {','.join(unknown)}: unknown format; choose from {', '.join(FORMATS)}")
    if len(set(formats)) != len(formats):
        raise ConfigError(f"--format {','.join(formats)}: a format is given twice; give each once")


def _checked(formats: Sequence[str], length: int | None, checkpoint: Checkpoint) -> int:
    """Raise `ConfigError` for an impossible format or length; returns the length to use."""
    check_formats(formats)
    encoder = checkpoint.config.encoder
    if encoder != ERNIE:
        raise ConfigError(
            f"the encoder of this model is {encoder!r}, a baseline for comparisons that Paddle alone runs; "
            f"models of the encoder {ERNIE!r} can be exported"
        )
    for name in formats:
        why = _why_not(name, checkpoint.quantised)
        if why:
            raise ConfigError(f"--format {name}: {why}")
    return check_length(length, checkpoint.config.max_length)


def check_length(length: int | None, longest: int) -> int:
    """The length to use, None for the ``longest`` of the model; raise `ConfigError` for one that it does not have."""
    if length is not None and not 2 < length <= longest:
        raise ConfigError(f"--length {length}: must be 3 to {longest}, the maximum of this model")
    return longest if length is None else length


def _why_not(name: str, quantised: bool) -> str | None:
    """Why a format cannot be written, None if it can."""
    form = FORMATS[name]
    if form.precision == INT8 and not quantised:
        return "the checkpoint is not quantised; `slu compress` does that"
    missing = form.missing_module
    return not_installed(missing, form.extra) if missing else None


def _inputs(source: Path) -> dict[str, str]:
    names = (WEIGHTS, CONFIG, VOCAB, LABELS, LEXICONS, NGRAMS, MARK)
    return {name: sha256(source / name) for name in names if (source / name).is_file()}


def _config(formats: Sequence[str], length: int, checkpoint: Checkpoint) -> dict[str, Any]:
    taken = graph_inputs(length, checkpoint.config, checkpoint.labels)
    inputs = [{**asdict(given), "shape": list(given.shape)} for given in taken]
    return {"formats": list(formats), "length": length, "inputs": inputs, "outputs": list(checkpoint.head.logits)}


def _versions(formats: Sequence[str]) -> dict[str, str]:
    """Versions of the libraries that decide what is written."""
    packages = dict.fromkeys(package for name in formats for package in FORMATS[name].packages)
    return library_versions() | {package: metadata.version(package) for package in packages}


def _file_entry(path: Path, form: Format) -> dict[str, Any]:
    """What the manifest says of a file: size, hash, and the facts of its format."""
    facts: dict[str, Any] = resolve(form.facts)(path) if form.facts else {}
    return {"bytes": path.stat().st_size, "sha256": sha256(path), **facts}


def _load_frameworks() -> None:
    """Import Paddle and PaddleNLP here, where what they print can be kept from standard output."""
    from slu.platform import native_output_on_stderr, prepare_paddle

    prepare_paddle()
    with native_output_on_stderr():
        import paddle  # noqa: F401

        import slu.model.network  # noqa: F401


def _write_formats(checkpoint: Checkpoint, length: int, formats: Sequence[str], directory: Path) -> None:
    """Write every format; the static graphs that they are made of are written once each."""
    from export_lite.static_graph import Numerics, write_static_graph

    chosen = [FORMATS[name] for name in formats]
    with tempfile.TemporaryDirectory(dir=directory) as temporary:
        graphs = {name: Path(temporary) / name for name in dict.fromkeys(form.graph for form in chosen) if name}
        for name, graph in graphs.items():
            graph.mkdir()
            write_static_graph(checkpoint, length, graph, Numerics[name])
        for form in chosen:
            resolve(form.writer)(Job(checkpoint, form, length, directory, graphs.get(form.graph, Path(temporary))))


def _compare(
    directory: Path,
    formats: Sequence[str],
    expected: Reference,
    say: Callable[[str], None],
    scratch: Path | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Run every format by every backend that can; returns the matrix and the problems, a line each.

    ``scratch``: see `measure`.
    """
    results: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for format_ in formats:
        results[format_] = {}
        agree = []
        for name, entry in BACKENDS.items():
            if entry.format != format_ or not entry.installed:
                continue
            try:
                parity = measure(directory, name, expected, scratch)
                results[format_][name] = parity.to_json()
                agree.append(f"{name} within {parity.largest:.1g}")
                require_parity(name, parity, FORMATS[format_].bounds[expected.checkpoint.quantised])
            except SluError as error:
                problems.append(f"{format_}: {error}")
        size = sum((directory / name).stat().st_size for name in FORMATS[format_].files) / 1e6
        say(f"{format_}: {size:.2f} MB, {', '.join(agree) or 'not run here; its structure was checked'}")
    exact = expected.exact
    facts = {"texts": len(expected.texts), "labelled": len(expected.labelled)}
    return {**facts, **({} if exact is None else {"exact": exact}), "formats": results}, problems
