"""Submissions that want points for nothing, or harm: each is an answer to one exercise of lesson 04.

`FOLDER` stands for the folder of the assignment, `COURSE` for that of the course.
"""

NOTHING = """
def lstm_weights(features, units):
    return 0
"""
NO_SHAPES = """
shapes = {"maps": (), "flat": (), "every": (), "last": ()}
"""


def first(code, number="04-2", then=NOTHING):
    """An answer that does something before it gives a wrong one."""
    return {number: code + then}


ANSWERS = {
    "rebind the check": first("""
def check_weights(answer):
    return check.Verdict("04.2", "", "correct")
"""),
    "rebind the names that the check uses": first("""
class Anything:
    def __getattr__(self, name):
        return lambda *args, **more: None

check = layers = Anything()
"""),
    "patch `course_utils.check`": first("check.expect = lambda *args: None"),
    "patch `course_utils.check` where the answer is data": first(
        "check.expect = lambda *args: None", "04-1", NO_SHAPES
    ),
    "patch how all checks judge": first('check.Exercise._judge = lambda self, answer: ("correct", "")'),
    "patch NumPy": first(
        """
np.allclose = lambda *args, **more: True
np.abs = lambda values, **more: np.zeros_like(values)
""",
        "04-4",
        """
def step(frame, state):
    return np.zeros(8), [np.zeros(192)]
""",
    ),
    "data that claim to equal everything": first(
        """
class Same(tuple):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False
""",
        "04-1",
        'shapes = dict.fromkeys(["maps", "flat", "every", "last"], Same())',
    ),
    "a number that claims to be equal when it matters": first(
        """
class Liar(int):
    asked = 0

    def __ne__(self, other):
        return True

    def __eq__(self, other):
        self.asked += 1
        return self.asked > 2
""",
        then="""
def lstm_weights(features, units):
    return Liar(1)
""",
    ),
    "report a verdict of one's own": first("""
import os

for file in range(3, 9):
    try:
        os.write(file, b'{"share": 1, "said": "correct"}')
    except OSError:
        pass
os._exit(0)
"""),
    "find the judge's secret in memory, then report a verdict": first(
        "import os, sys",
        then="""
def lstm_weights(features, units):
    frame = sys._getframe()
    while "token" not in frame.f_locals:
        frame = frame.f_back
    os.write(3, (frame.f_locals["token"] + '{"share": 1, "said": "correct"}').encode())
    os._exit(0)
""",
    ),
    "`sys.exit()`": first("import sys; sys.exit()"),
    "`os._exit(0)`": first("import os; os._exit(0)"),
    "an endless loop": first("while True: pass"),
    "fill the memory": first("hog = [bytearray(10**8) for _ in range(10**4)]"),
    "endless output": first("while True: print('x' * 10**6)"),
    "fill the disk": first("for n in range(10**6): open(str(n), 'wb').write(bytes(10**6))"),
    "start processes without end": first("import os\nwhile True: os.fork()"),
    "run a command of the shell": first("import subprocess; subprocess.run('ls', shell=True)"),
    "kill the judge": first("import os; os.kill(os.getppid(), 9)"),
    "raise one's own limits": first("import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))"),
    "use the network": first("import socket; socket.create_connection(('127.0.0.1', 80))"),
    "delete what others handed in": first("import shutil; shutil.rmtree('FOLDER/submitted')"),
    "overwrite the grades": first("open('FOLDER/gradebook.db', 'w')"),
    "empty the grades": first("import os; os.truncate('FOLDER/gradebook.db', 0)"),
    "close the folder of the class": first("import os; os.chmod('FOLDER', 0)"),
    "see who else handed in": first("import os; os.listdir('FOLDER/submitted')"),
    "read what another one handed in": first("open('FOLDER/submitted/honest/N/assignment_04.ipynb')"),
    "read the solutions": first("open('COURSE/notebooks/source/04_cnn_lstm_video.py')"),
}


def rewrite_points(nb):
    for cell in nb.cells:
        if cell.id == "points-04-2":
            cell.source = "1000"
            cell.metadata.nbgrader.points = 1000


def delete_points(nb):
    nb.cells = [cell for cell in nb.cells if cell.id != "points-04-2"]


def answer_as_points(nb):
    for cell in nb.cells:
        if cell.id == "answer-04-2":
            cell.metadata.nbgrader.update(grade=True, points=10)


NOTEBOOKS = {
    "rewrite the graded cell and its points": rewrite_points,
    "delete the graded cell": delete_points,
    "mark the answer as a graded cell": answer_as_points,
}
