"""What reads a sentence: the words that a vectorization makes of it, and networks that can be looked into."""

import re
import string
import unicodedata
import warnings
from dataclasses import dataclass

import numpy as np

from course_utils.labs.core.arguments import diverged
from course_utils.labs.core.dials import brief
from course_utils.labs.core.notes import Note

BEST = 6  # filters that are named
KEPT = 2_000  # characters of the text that the state string holds
WINDOW = 40  # words that a picture shows of a long text
SPACES = " \t\n\r\f\v"  # at which a vectorization splits
HIDDEN = "·"  # shown for what cannot be shown
LONGEST = 400  # words that are read where the vectorization sets no limit
CHAIN = (
    "Conv1D(..., padding='same', activation='relu', name='filters'), times 0 where the padding is, "
    "GlobalMaxPooling1D(name='pooled'), at most a Dropout, Dense(1, activation='sigmoid', name='answer')"
)


# ---------------------------------------------------------------------------------------------------
# Reading a text


def shortened(text, most):
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True)
class Word:
    """A word as it was typed, as it is named without punctuation, and whether the vocabulary has it."""

    shown: str
    label: str
    known: bool

    @property
    def named(self):
        return shortened(self.label, 22) + ("" if self.known else " [?]")


@dataclass(frozen=True, eq=False)
class Reading:
    """A text as the models read it."""

    text: str
    words: tuple  # of `Word`
    ids: np.ndarray  # (words,) as the vectorization gives them, without padding
    ends: tuple  # where in the text each word ends, what follows it up to the next word included
    cut: int  # how many words stand behind the last one that is read

    def until(self, count):
        """The text as if it ended after `count` words."""
        if count == len(self.words) and not self.cut:
            return self.text
        return self.text[: self.ends[count - 1]] if count else ""


class Reader:
    """What stands between a text and the numbers that a network reads: a TextVectorization."""

    def __init__(self, read):
        import keras

        settings = read.get_config() if isinstance(read, keras.layers.TextVectorization) else {}
        if settings.get("output_mode") != "int" or settings["ragged"]:
            raise ValueError(
                f"read={brief(read)} cannot be: it is a keras.layers.TextVectorization with "
                "output_mode='int' and ragged=False."
            )
        self.vocabulary = read.get_vocabulary()
        if len(self.vocabulary) < 3:
            raise ValueError("read knows no words yet: call read.adapt(training texts) first.")
        self.strips = "strip_punctuation" in str(settings["standardize"])
        self.steps = settings["output_sequence_length"]
        self.most = self.steps or LONGEST
        self._read = read

    def spelled(self, word):
        """A word as the vocabulary would hold it, in quotation marks."""
        bare = "".join(sign for sign in word if sign not in string.punctuation) if self.strips else word
        return f"'{shortened(word, 24)}'" + (f" (read as '{shortened(bare, 24)}')" if bare != word else "")

    def numbers(self, texts):
        """(text, steps) of int32."""
        return np.asarray(self._read(list(texts))).astype("int32")

    def read(self, typed):
        """The `Reading` of what was typed, whatever it is."""
        text = typed.encode("utf-8", "replace").decode()  # half a character cannot be read
        chunks = [match.span() for match in re.finditer(f"[^{SPACES}]+", text)]
        spoken = [span for span in chunks if text[slice(*span)].strip(string.punctuation)]
        some = spoken[: 2 * self.most + 50]
        rows = self.numbers([text[slice(*span)] for span in some] or [""])[: len(some)]
        counts, ids = np.count_nonzero(rows, axis=1), rows[rows != 0]
        owners = np.repeat(np.arange(len(some)), counts).tolist()  # which of `some` a word is a part of
        whole = self.numbers([text[: some[-1][1]] if some else text])[0]
        whole = whole[whole != 0][: self.most]
        if not np.array_equal(ids[: self.most], whole):  # words that depend on their neighbours
            words = tuple(self._word(number) for number in whole)
            text = " ".join(word.shown for word in words)
            ends = np.cumsum([len(word.shown) + 1 for word in words])
            cut = max(len(spoken) - self.most, 0) if len(whole) == self.most else 0
            return Reading(text, words, whole, tuple(int(end) for end in ends), cut)
        edges = [0, *(begin for begin, _ in spoken[1:]), len(text)]
        words, ends = [], []
        for owner, number in zip(owners, whole):
            start, end = edges[owner : owner + 2]
            alone = counts[owner] == 1
            spelled = (text[start:end].strip(), text[slice(*some[owner])]) if alone else ()
            words.append(self._word(number, *spelled))
            ends.append(end)
        cut = len(spoken) - owners[self.most - 1] - 1 if len(ids) > self.most else 0
        return Reading(text, tuple(words), whole, tuple(ends), cut)

    def _word(self, number, *typed):
        """A word by its number, and with and without what stands around it if it was typed like that."""
        shown, core = typed or [self.vocabulary[number]] * 2
        return Word(visible(shown), visible(core.strip(string.punctuation) or core), number != 1)

    def remarks(self, typed, reading):
        """`Note`s of what there is to say of a text, the most surprising first."""
        text, words, held = reading.text, reading.words, kept(typed)
        unknown = list(dict.fromkeys(word.label for word in words if not word.known))
        if not words:
            why = "There is nothing to read."
            if bare := text.strip():
                why = f"Nothing is left of '{shortened(visible(bare), 30)}' once punctuation is stripped."
            yield Note(
                "hint",
                f"{why} What you see is what each model answers to nothing at all: its bias, and what it "
                "makes of padding.",
            )
        elif not any(word.known for word in words):
            times = "once" if len(words) == 1 else f"{len(words)} times"
            yield Note(
                "warning",
                f"None of these words is in the vocabulary of {len(self.vocabulary):,}: "
                f"{self._some(unknown)}. The networks see one and the same placeholder, [?], {times}, and "
                "would answer alike to any other unknown words.",
            )
        elif unknown:
            yield Note(
                "hint",
                f"Not in the vocabulary: {self._some(unknown)}; the networks see one and the same "
                f"placeholder, [?], for {'each' if len(unknown) > 1 else 'it'}.",
            )
        if reading.cut:
            why = "" if self.steps else " (more would be too slow here)"
            read = f"Only the first {len(words):,} of {len(words) + reading.cut:,} words are read{why}"
            yield Note("warning", f"{read}; {reading.cut:,} are cut off.")
        if count := unseen(text):
            yield Note(
                "warning",
                f"The text holds {count:,} control character{'s' * (count > 1)} that no page shows; here a "
                f"dot ({HIDDEN}) stands for each. A word with one inside is another word to the models.",
            )
        if foreign := [word for word in unknown if not word.replace(HIDDEN, "").isascii()]:
            yield Note(
                "hint",
                f"Beyond ASCII: {self._some(foreign)}. The vectorization strips ASCII punctuation alone and "
                "splits at spaces, so an emoji is left as a word, and a sentence without spaces is one word.",
            )
        if held != typed:
            holds = f"The state string holds the first {len(held):,} of {len(typed):,} characters"
            yield Note("hint", f"{holds}; the field keeps them all.")

    def _some(self, words):
        """The first of these words, and how many more there are."""
        named = ", ".join(map(self.spelled, words[:8]))
        return f"{named} and {len(words) - 8:,} more" if len(words) > 8 else named


def kept(text):
    """As much of a text as a state string holds, whole words where that can be."""
    head = text[:KEPT]
    return text if len(text) <= KEPT else head[: max(head.rfind(" "), 0) or KEPT]


def visible(text):
    """The text as a page can show it, with a dot for every control character."""
    text = text.encode("utf-8", "replace").decode()  # half a character cannot be shown
    return "".join(HIDDEN if _is_control(sign) else sign for sign in text)


def unseen(text):
    """How many control characters a text has that no page can show."""
    return sum(map(_is_control, text))


def _is_control(sign):
    splits, joins = sign in SPACES, sign == "\u200d"  # between words; between the parts of one emoji
    return unicodedata.category(sign) in ("Cc", "Cf") and not splits and not joins


# ---------------------------------------------------------------------------------------------------
# Models


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model makes of some beginnings of a text, each in a row of its own."""

    positive: np.ndarray  # (rows,)
    filters: np.ndarray | None = None  # (rows, steps, filters)
    pooled: np.ndarray | None = None  # (rows, filters)
    problem: str = ""  # why there are none


class Judge:
    """One of the models of the lab, checked, with what can be looked at in it."""

    kind = ()  # "cnn" and "lstm" in the order in which the data pass them
    filters = 0  # how many there are to look at
    width = 1  # words that the kernel sees
    weights = None  # (filters,) of the answer, where it is a sum over the filters
    bias = 0.0
    states = ""  # or what the kernel sees in place of words: "one way" or "both ways" read

    def __init__(self, name, model, reader):
        import keras

        self.name, self._model, self._reader, self._probe = name, model, reader, None
        if isinstance(model, keras.Model):
            self._open(model)
            self._check()
        elif callable(model):
            self.texts(["", reader.vocabulary[2], "a b c"])
        else:
            raise ValueError(
                f"models[{name!r}] is {brief(model)}: it is a keras.Model from numbers of words to "
                "P(positive), or a function of a list of texts."
            )

    def _wrong(self, problem):
        raise ValueError(f"models[{self.name!r}]: {problem}")

    def _open(self, model):
        import keras

        inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
        shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
        if [len(shape) for shape in shapes] != [2, 2] or shapes[1][1] != 1:
            self._wrong(
                f"its inputs and outputs are {shapes}. It must go from (batch, words) to (batch, 1): "
                "keras.Input((words,), dtype='int32') ... layers.Dense(1, activation='sigmoid')."
            )
        if broken := diverged(model.weights):
            self._wrong(f"it {broken}.")
        steps = shapes[0][1]
        if steps is not None and steps != self._reader.steps:
            self._wrong(
                f"it reads {steps} words and read gives {self._reader.steps or 'any number'}. Make both "
                f"with the same length: TextVectorization(output_sequence_length={steps})."
            )
        layers = {layer.name: layer for layer in model.layers}
        self.kind = _kind(model.layers)
        looks = {"positive": outputs[0]}
        if "filters" in layers:
            looks["filters"] = self._filters(layers["filters"])
            if "states" in layers:
                both = isinstance(layers["states"], keras.layers.Bidirectional)
                self.states = "both ways" if both else "one way"
            if "pooled" in layers and "answer" in layers:
                looks["pooled"], count = layers["pooled"].output, self.filters
                kernel, *bias = layers["answer"].get_weights() or [np.zeros(0)]
                if looks["pooled"].shape[1:] != (count,) or kernel.shape != (count, 1):
                    self._wrong(f"its layer 'answer' does not read the {count} 'filters': {CHAIN}.")
                self.weights = kernel[:, 0].astype("float64")
                self.bias = float(bias[0][0]) if bias else 0.0
        self._probe = keras.Model(inputs[0], looks)
        self._probe.compile(jit_compile=False)

    def _filters(self, layer):
        import keras

        plain = isinstance(layer, keras.layers.Conv1D) and layer.strides == layer.dilation_rate == (1,)
        if not plain or layer.padding != "same":
            self._wrong(
                f"its layer 'filters', a {type(layer).__name__}, must be a Conv1D with padding='same' and no "
                "strides or dilation_rate, so that every window belongs to a word."
            )
        self.filters, self.width = layer.filters, layer.kernel_size[0]
        return layer.output

    def _check(self):
        """Run it once on words at random: what it gives must be what this lab says of it."""
        steps, words = self._reader.steps or 12, len(self._reader.vocabulary)
        ids = np.random.default_rng(0).integers(1, words, (WINDOW + 1, steps))
        ids[-1] = words - 1
        lengths = np.arange(WINDOW + 1) * steps // WINDOW
        ids[np.arange(steps) >= lengths[:, None]] = 0
        try:
            answers = self.numbers(ids.astype("int32"))
        except Exception as problem:
            self._wrong(
                f"it cannot read numbers from 0 to {words - 1}, which read gives. "
                f"Is Embedding(input_dim) the size of the vocabulary? {str(problem)[:200]}"
            )
        if self.weights is not None:
            self._check_chain(answers, lengths)
        self._check_shares(answers.positive)

    def _check_shares(self, shares):
        if not (shares.min() >= 0 and shares.max() <= 1):  # NaN is neither
            self._wrong(
                f"it gives values from {shares.min():.3g} to {shares.max():.3g}: P(positive) is 0 to 1."
            )

    def _check_chain(self, answers, lengths):
        """The sum that is shown is the model's own only if these layers do what their names say."""
        real = np.arange(answers.filters.shape[1]) < lengths[:, None]
        largest = (answers.filters * real[..., None]).max(1)
        if (answers.filters < 0).any() or not np.allclose(answers.pooled, largest, rtol=1e-3, atol=1e-4):
            self._wrong(f"its layer 'pooled' is not the maximum of 'filters' over the real words: {CHAIN}.")
        if not np.allclose(answers.positive, self.positive(answers.pooled), rtol=1e-3, atol=1e-4):
            self._wrong(f"its answer is not sigmoid(bias + weights · pooled): {CHAIN}.")

    def positive(self, pooled, off=()):
        """P(positive) from what is pooled, some filters switched off."""
        weights = self.weights.copy()
        weights[list(off)] = 0
        return 1 / (1 + np.exp(-(pooled.astype("float64") @ weights + self.bias)))

    def texts(self, texts):
        """P(positive) of each text, of a model that is a function."""
        shares = np.asarray(self._model(list(texts)), "float64")
        if shares.size != len(texts):
            self._wrong(
                f"it gave {shares.shape} for {len(texts)} texts: it must give one P(positive) each. For "
                "scikit-learn: lambda texts: model.predict_proba(texts)[:, 1]."
            )
        self._check_shares(shares)
        return shares.reshape(-1)

    def numbers(self, ids):
        """`Answers` to rows of numbers of words."""
        with warnings.catch_warnings():  # that a Conv1D drops the mask was said when the model was built
            warnings.filterwarnings("ignore", message=".*does not support masking")
            found = self._probe.predict_on_batch(ids)
        return Answers(found["positive"][:, 0].astype("float64"), found.get("filters"), found.get("pooled"))

    def answers(self, reading, first):
        """`Answers` to WINDOW + 1 beginnings of a text: of `first` words, of one more, and so on."""
        count = len(reading.words)
        lengths = np.minimum(np.arange(first, first + WINDOW + 1), count)
        if self._probe is None:
            shares = self.texts([reading.until(n) for n in lengths[: count - first + 1]])
            return Answers(np.pad(shares, (0, len(lengths) - len(shares)), "edge"))
        steps = self._reader.steps or max(count, 1)
        whole = np.pad(reading.ids, (0, steps - count))
        return self.numbers(np.where(np.arange(steps) < lengths[:, None], whole, 0).astype("int32"))


def _kind(layers):
    """Which of "cnn" and "lstm" the data pass, in order."""
    names = [type(getattr(layer, "layer", layer)).__name__ for layer in layers]
    known = [name for name in names if re.match("Conv|(LSTM|GRU|Bidirectional)$", name)]
    return tuple(dict.fromkeys("cnn" if name.startswith("Conv") else "lstm" for name in known))


@dataclass(frozen=True, eq=False)
class Look:
    """The filters of one model, for a text that ends after the words read so far."""

    values: np.ndarray  # (words, filters): what each filter gives at each word
    width: int
    weights: np.ndarray | None  # (filters,) of the answer; None where that is not a sum over the filters
    bias: float
    filter: int  # the one that is looked at
    off: tuple  # those that are switched off
    states: str  # "", or how the LSTM before the filters reads: "one way" or "both ways"

    @property
    def largest(self):
        """(filters,) the largest value of each, 0 where there is no word."""
        return self.values.max(0, initial=0.0)

    @property
    def adds(self):
        """(filters,) what each adds to the logit; without a sum, its largest value."""
        return self.largest if self.weights is None else self.largest * self.weights

    @property
    def best(self):
        """The numbers of the filters that count most, of those that are on and fire at all."""
        strength = np.abs(self.adds)
        strength[list(self.off)] = 0
        order = np.argsort(-strength, kind="stable")[:BEST]
        return [int(n) for n in order if strength[n] > 0]

    def span(self, index):
        """The places of the words in which the value of a filter is largest; none where that is 0."""
        if not self.largest[index] > 0:
            return range(0)
        first = int(self.values[:, index].argmax()) - (self.width - 1) // 2
        return range(len(self.values))[max(first, 0) : first + self.width]
