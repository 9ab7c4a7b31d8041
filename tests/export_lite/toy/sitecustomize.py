"""The entries of the toy format, in every Python process that has this directory on its path."""

from slu.runtime.formats import AS_CHECKPOINT, BACKENDS, FORMATS, BackendEntry, Format

FORMATS["toy"] = Format("toy", ("model.toy",), "toy_format:write", precision=AS_CHECKPOINT, reader="toy_format:read")
BACKENDS["toy"] = BackendEntry("toy", "toy", "toy_format:ToyBackend", "safetensors")
