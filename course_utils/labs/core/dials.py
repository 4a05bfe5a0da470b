"""The dials of a lab, and the state they make: plain data that fits in one short string.

A state is made of `Block`s, each a frozen dataclass whose fields are dials. From the dials follow the state
string, the controls and what a bad value is told.
"""

import dataclasses
import re
import reprlib
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus, unquote_plus

import numpy as np

READ = {int: int, float: float, str: str, bool: {"0": False, "1": True}.__getitem__}  # from a string


@dataclass(frozen=True)
class Dial:
    """One number, choice or switch that a learner can set: `label` names it, `choices` are its positions.

    `key` stands before the value in a state string (`k5`), `shown` gives the words for a choice, and `slider`
    asks for a slider in place of a list.
    """

    label: str
    choices: tuple = ()
    key: str = ""
    shown: dict = field(default_factory=dict)
    slider: bool = False

    @property
    def kind(self):
        """The type of its values."""
        return type(self.choices[-1])

    @property
    def allowed(self):
        if len(self.choices) == 1:
            return f"here it can only be {self.choices[0]}"
        return f"it can be {listed(self.choices)}"

    def words(self, value):
        return self.shown.get(value, f"{value}")

    def check(self, value):
        """The value, if it is a position of this dial; otherwise a ValueError that names what is allowed."""
        value = plain(value)
        if type(value) in (type(self.choices[0]), type(self.choices[-1])) and value in self.choices:
            return value
        raise self.refusal(value)

    def refusal(self, value):
        return ValueError(f"{self.label.lower()} cannot be {brief(value)}: {self.allowed}")

    def write(self, value):
        return f"{self.key}{int(value) if self.kind is bool else value}"

    def owns(self, token):
        """Whether a token of a block is for this dial: one of its words, or its key and a number."""
        return token in self.choices if self.kind is str else bool(re.fullmatch(f"{self.key}[0-9]+", token))

    def read(self, token):
        """The position written in a token such as `k5`, checked."""
        try:
            value = READ[self.kind](token.removeprefix(self.key))
        except (KeyError, ValueError):
            value = token
        return self.check(value)


@dataclass(frozen=True)
class Real(Dial):
    """Any number from the first to the last of `choices`, kept with two decimals."""

    kind = float

    @property
    def allowed(self):
        return f"it can be {self.choices[0]:g} to {self.choices[-1]:g}".replace("-", "−")

    def check(self, value):
        value = plain(value)
        if type(value) not in (int, float) or not self.choices[0] <= value <= self.choices[-1]:
            raise self.refusal(value)
        return round(float(value), 2) + 0.0  # never a zero below zero

    def write(self, value):
        return f"{value:g}"

    def read(self, token):
        return super().read(token.replace("−", "-"))


@dataclass(frozen=True)
class Small(Dial):
    """A choice of numbers below 1, written without the point that parts the dials of a block: `r4e-03`."""

    def write(self, value):
        return f"{self.key}{value:.0e}"

    def owns(self, token):
        return bool(re.fullmatch(f"{self.key}[0-9]+(e[-+]?[0-9]+)?", token))


@dataclass(frozen=True)
class Several(Dial):
    """Numbers in a row: `number` is the dial of each, `counts` says how many there can be.

    With `once` they stand in order, each of them once.
    """

    number: Dial = None
    counts: range | tuple = range(10_000)
    separator: str = ","
    once: bool = False

    @property
    def allowed(self):
        return "it is a tuple of numbers"

    def check(self, value):
        if not isinstance(value, (tuple, list)):
            raise self.refusal(value)
        values = tuple(map(self.number.check, value))
        if len(values) not in self.counts:
            counts = listed(n for n in self.counts if n)
            raise ValueError(f"{self.label.lower()} has {len(values)} numbers: it can have {counts}")
        return tuple(sorted(set(values))) if self.once else values

    def write(self, value):
        return self.separator.join(map(self.number.write, value))

    def read(self, token):
        return self.check([self.number.read(part) for part in token.split(self.separator)] if token else ())


def dial(default, label, choices=(), key="", kind=Dial, **more):
    """A dataclass field that is a `Dial`, or another `kind` of it."""
    return field(default=default, metadata={"dial": kind(label, tuple(choices), key, **more)})


def rows(default, block, most):
    """A dataclass field that holds 1 to `most` blocks of one kind."""
    return field(default=default, metadata={"rows": block, "most": most})


def listed(values):
    """The values as words: a range by its ends, a long list by its beginning."""
    values = list(values)
    if len(values) > 3 and is_range(values):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 30:
        return f"{', '.join(map(str, values[:10]))} ... or {values[-1]} ({len(values)} in all)"
    return " or ".join(filter(None, (", ".join(map(str, values[:-1])), str(values[-1]))))


def is_range(values):
    """Whether these are whole numbers that follow each other."""
    first = values[0]
    return type(first) is int and list(values) == list(range(first, first + len(values)))


def plain(value):
    """A number of NumPy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def brief(value):
    """What somebody gave, in few words: where it is long, its middle is left out."""
    text = " ".join(reprlib.repr(value).split())
    return type(value).__name__ if "<" in text and not isinstance(value, str) else text


class Dialled:
    """What blocks and states share: fields that are checked when they are made."""

    def __post_init__(self):
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if "dial" in f.metadata:
                value = f.metadata["dial"].check(value)
            elif "rows" in f.metadata:
                value = _as_rows(f, value)
            else:
                value = _as_block(f.name, type(f.default), value)
            object.__setattr__(self, f.name, value)


def _as_rows(f, value):
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"{f.name} cannot be {brief(value)}: it is a list of rows, such as [16, (32, 5)]")
    if not 1 <= len(value) <= f.metadata["most"]:
        raise ValueError(f"{f.name} has {len(value)} rows: there can be 1 to {f.metadata['most']}")
    return tuple(
        _as_block(f"{f.name}, row {number}", f.metadata["rows"], row) for number, row in enumerate(value, 1)
    )


def _as_block(name, block, value):
    if isinstance(value, block):
        return value
    values = value if isinstance(value, (tuple, list)) else (value,)
    if len(values) > len(block.dials()):
        raise ValueError(f"{name} cannot be {brief(value)}: its parts are {', '.join(block.dials())}")
    try:
        return block(*values)
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


class Block(Dialled):
    """A part of a network with its dials. Subclasses are frozen dataclasses.

    The first `spelled` dials are always written into a state string, the others where they leave the default.
    """

    spelled = 1

    @classmethod
    def dials(cls):
        return {f.name: f.metadata["dial"] for f in dataclasses.fields(cls)}

    def write(self):
        tokens = [
            f.metadata["dial"].write(getattr(self, f.name))
            for position, f in enumerate(dataclasses.fields(self))
            if position < self.spelled or getattr(self, f.name) != f.default
        ]
        return ".".join(tokens)

    @classmethod
    def read(cls, text, where):
        values, dials = {}, cls.dials()
        for token in text.split("."):
            name = next((name for name in dials if dials[name].owns(token)), None)
            if name is None:
                known = ", ".join(d.write(d.choices[-1]) for d in dials.values())
                raise ValueError(
                    f"{brief(token)} in {where} is not understood: it takes parts such as {known}"
                )
            try:
                values[name] = dials[name].read(token)
            except ValueError as problem:
                raise ValueError(f"{brief(token)} in {where}: {problem}") from None
        return cls(**values)


class State(Dialled):
    """A whole lab as plain data: blocks, rows of blocks and single dials, to and from one short string.

    Subclasses are frozen dataclasses with a `version` that their strings begin with. The fields they name in
    `decides` decide on the defaults of all others; a string tells what differs from those and what is
    `spelled`.
    """

    version = "lab"
    decides = spelled = ()

    @classmethod
    def having(cls, fields, **more):
        """A subclass with these fields as well (name -> field), and with `more` to know of its lab."""
        parts = [(name, type(f.default), f) for name, f in fields.items()]
        return dataclasses.make_dataclass(cls.__name__, parts, bases=(cls,), frozen=True, namespace=more)

    @classmethod
    def default(cls, **decided):
        return cls(**decided)

    def __str__(self):
        parts = [self.version]
        usual, first = self.default(**{name: getattr(self, name) for name in self.decides}), self.default()
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            default = getattr(first if f.name in self.decides else usual, f.name)
            if value == default and f.name not in self.spelled:
                continue
            if "dial" in f.metadata:
                written = quote_plus(f.metadata["dial"].write(value), safe=",", errors="surrogatepass")
            else:
                written = ",".join(row.write() for row in (value if "rows" in f.metadata else [value]))
            parts.append(f"{f.name}={written}")
        return ";".join(parts)

    @classmethod
    def parse(cls, text):
        """The state that a string, or the state of another lab, stands for.

        Raises ValueError, and TypeError where it is neither, with a sentence for the learner.
        """
        if isinstance(text, cls):
            return text
        if not isinstance(text, (str, State)):
            raise TypeError(f"A state is a string that begins with '{cls.version};', and not {brief(text)}.")
        version, *parts = re.sub(r"\s", "", str(text)).split(";")
        if version != cls.version:
            raise ValueError(
                f"A state of this lab begins with '{cls.version};', not with {brief(version)}. "
                "Copy the whole line from the other lab."
            )
        known, values = {f.name: f for f in dataclasses.fields(cls)}, {}
        for part in filter(None, parts):
            name, equals, written = part.partition("=")
            if name not in known or not equals:
                raise ValueError(f"{brief(part)} is not understood: the parts are {', '.join(known)}.")
            try:
                values[name] = cls._read(known[name], written)
            except ValueError as problem:
                raise ValueError(f"{str(problem)[:1].upper()}{str(problem)[1:]}.") from None
        decided = {name: values.pop(name) for name in cls.decides if name in values}
        return replace(cls.default(**decided), **values)

    @staticmethod
    def _read(f, text):
        if "dial" in f.metadata:
            try:
                text = unquote_plus(text, errors="surrogatepass")
            except UnicodeDecodeError:
                raise ValueError(f"{f.name} cannot be {brief(text)}: copy the whole line anew") from None
            return f.metadata["dial"].read(text)
        if "rows" in f.metadata:
            block, most = f.metadata["rows"], f.metadata["most"]
            rows = tuple(
                block.read(t, f"{f.name}, row {i}") for i, t in enumerate(text.split(",")[: most + 1], 1)
            )
            if len(rows) > most:
                raise ValueError(f"{f.name} has more rows than {most}: there can be 1 to {most}")
            return rows
        return type(f.default).read(text, f.name)

    def get(self, path):
        """The value at a path such as 'clip.frames' or 'convolutions.0.kernel'; at '' the whole state."""
        value = self
        for step in filter(None, path.split(".")):
            value = value[int(step)] if step.isdecimal() else getattr(value, step)
        return value

    def turn(self, path, value):
        """What becomes of the state when a learner turns the dial at `path`."""
        return self.change(path, value)

    def change(self, path, value):
        """A copy in which the dial at `path` stands at `value`."""
        parent, _, name = path.rpartition(".")
        owner = self.get(parent)
        if isinstance(owner, tuple):
            changed = (*owner[: int(name)], value, *owner[int(name) + 1 :])
        else:
            changed = replace(owner, **{name: value})
        return self.change(parent, changed) if parent else changed
