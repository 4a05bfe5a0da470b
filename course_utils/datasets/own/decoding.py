"""Ask the decoder, with limits of time and memory; if it dies of a file, start another."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from course_utils.datasets.base import DataError
from course_utils.datasets.own.decoder import Unreadable

SCRIPT = Path(__file__).with_name("decoder.py")


class Decoder:
    """A child process that turns files into frames.

    Parameters
    ----------
    seconds : float
        How long one clip may take.
    memory : int
        Bytes of address space that the child may have (where the system can limit that: not on Windows).

    Examples
    --------
    >>> with Decoder(seconds=60, memory=2**31) as decoder:
    ...     clip, sizes, notes = decoder.read(
    ...         "wave/clip 1.mp4", frames=16, rate=None, height=24, width=24, fit="pad", channels=1)
    """

    def __init__(self, seconds, memory):
        self.seconds, self.memory, self.child = seconds, memory, None

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stop()

    __del__ = __exit__

    def stop(self):
        """End the child, whatever it is doing."""
        if self.child is not None:
            self.child.kill()
            self.child.communicate()
            self.child = None

    def start(self):
        self.child = subprocess.Popen(
            [sys.executable, "-I", str(SCRIPT), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        if self.child.stdout.readline() != b"ready\n":
            told = self.child.communicate()[1].decode(errors="replace").strip().splitlines()[-1:]
            self.child = None
            raise DataError(
                f"The decoder does not start with memory={self.memory:,}: {' '.join(told) or 'killed'}."
            )

    def read(self, path, **how):
        """A clip as (time, height, width, channels), uint8; the sizes (width, height) it had; notes.

        Raises
        ------
        Unreadable
            If the file is broken, takes too long or too much memory, or twice ends the decoder.
        """
        for _ in range(2):  # the system may have ended the first for reasons of its own
            answer = self._ask({"path": str(path), **how})
            if answer:
                head, frames = answer
                if "problem" in head:
                    raise Unreadable(head["problem"])
                return frames, [tuple(size) for size in head["sizes"]], head["notes"]
        raise Unreadable("it ends the decoder: convert it again from the original, or leave it out")

    def _ask(self, request):
        """The head of the answer and its frames; None if the child died."""
        if self.child is None:
            self.start()
        late = threading.Timer(self.seconds, self.child.kill)
        late.start()
        try:
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            self.child.stdin.flush()
            head = json.loads(self.child.stdout.readline())
            shape = head.get("shape", [0])
            frames = np.frombuffer(self.child.stdout.read(int(np.prod(shape))), "uint8").reshape(shape)
            return head, frames
        except (BrokenPipeError, ValueError):  # it ended before its answer did
            in_time = late.is_alive()
            self.stop()
            if not in_time:
                raise Unreadable(
                    f"it takes longer than {self.seconds:g} s: shorten it, or allow more with seconds="
                ) from None
            return None
        finally:
            late.cancel()
