"""One lock for all that a lab does: a lab is never drawn while its state is being set."""

import threading

# JupyterLab hands messages of widgets to several threads, and trainings report from their own.
LOCK = threading.RLock()
