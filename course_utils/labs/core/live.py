"""What live labs share: they compute in a page of the book, without Python. `live.js` is the other half."""

import dataclasses

from course_utils.labs.core.dials import Real, Several


def settings(lab):
    """What a page needs to read and to write the states of a lab, and to make its controls.

    Parameters
    ----------
    lab : Lab
        Its states have single dials only: choices of strings or whole numbers, `Real` and `Several`.

    Returns
    -------
    dict
        "version", "start", "spelled" and "dials", for JSON.
    """
    kind = lab.state_class
    return {
        "version": kind.version,
        "start": str(lab.state),
        "spelled": list(kind.spelled),
        "dials": [
            {"name": f.name, "default": f.default, **_plain(f.metadata["dial"])}
            for f in dataclasses.fields(kind)
        ],
    }


def _plain(dial):
    """A dial as plain data."""
    if isinstance(dial, Several):
        number = _plain(dial.number)
        return {"kind": "several", "label": dial.label, "number": number, "counts": list(dial.counts)}
    if isinstance(dial, Real):
        low, high = dial.choices
        return {"kind": "real", "label": dial.label, "low": low, "high": high}
    words = [dial.words(choice) for choice in dial.choices]
    return {"kind": "choice", "label": dial.label, "choices": list(dial.choices), "words": words}
