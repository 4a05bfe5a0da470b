"""Records with the browser's microphone, if somebody presses Record."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from course_utils.datasets.own.sounds import prepared

HERE = Path(__file__).parent
SECONDS = 30  # that are recorded at most
RATES = 8_000, 192_000


class Microphone(anywidget.AnyWidget):
    """Records with the browser's microphone: Record, Stop, listen to it, and Use it.

    Until Use it is pressed, the sound stays in the page. Then it goes to this kernel's memory, as `sound`:
    neither the notebook nor its widgets' state holds it, and nothing is written to disk. Where the browser
    gives no microphone, the widget says why.

    Attributes
    ----------
    sound : datasets.Sound or None
        What was recorded, 16,000 samples a second; None until Use it is pressed.

    Examples
    --------
    >>> microphone = Microphone()
    >>> microphone                           # in a notebook: the buttons
    >>> microphone.sound                     # afterwards, in another cell
    microphone: 3.2 s at 16,000 samples a second
      48,000 samples a second, made 16,000
    """

    _esm, _css = HERE / "microphone.js", HERE / "microphone.css"
    longest = traitlets.Int(SECONDS).tag(sync=True)

    def __init__(self):
        super().__init__()
        self.sound = None
        self.on_msg(self._received)

    def __repr__(self):
        return "Microphone: run this cell to record your voice."

    def _received(self, _, content, buffers):
        """A recording came in: 16 bits a sample, one channel."""
        rate = content.get("rate")
        pcm = np.frombuffer(buffers[0], "<i2") if len(buffers) == 1 and len(buffers[0]) % 2 == 0 else []
        if not (
            isinstance(rate, int) and RATES[0] <= rate <= RATES[1] and 0 < len(pcm) <= 2 * SECONDS * rate
        ):
            self.send({"said": "What came in is no recording. Record it again."})
            return
        self.sound = prepared(pcm[:, np.newaxis] / 32768, rate, 16, Path("microphone"))
        silent = "" if self.sound.samples.any() else " But every sample is 0: is the microphone muted?"
        self.send({"said": f"Used: {self.sound.seconds:.1f} s.{silent} Now run the next cell."})
