"""Pictures of what networks make of a sentence, as HTML and SVG: answers, lines, phrases, filters."""

from dataclasses import dataclass
from html import escape
from itertools import accumulate

import numpy as np

from course_utils.labs.core.drawing import number, signed
from course_utils.labs.sentence.models import Look, shortened

TALL = 170  # pixels of the lines' field


@dataclass(frozen=True, eq=False)
class Seen:
    """All that the pictures show."""

    words: tuple
    read: int  # words that are read so far
    first: int  # words of the first beginning in `after`
    names: tuple
    kinds: tuple
    chosen: int
    after: np.ndarray  # (models, beginnings): P(positive) after that many words, after one more, and so on
    look: Look | None  # of the model `chosen`

    @property
    def last(self):
        """Words of the last beginning in `after`."""
        return self.first + self.after.shape[1] - 1

    @property
    def now(self):
        """(models,) P(positive) after the words that are read."""
        return self.after[:, self.read - self.first]

    @property
    def part(self):
        """Which words are shown of a long text, in a sentence."""
        whole = self.last - self.first == len(self.words)
        return "" if whole else f"Shown: words {self.first + 1} to {self.last} of {len(self.words)}."


def answered(share):
    """P(positive) as number and word."""
    if np.isnan(share):
        return "no answer"
    word = "undecided" if f"{share:.2f}" == "0.50" else "positive" if share > 0.5 else "negative"
    return f"{share:.2f} {word}"


def say(words):
    return f'<div class="cs-say">{words}</div>'


def image(words, inside, kind):
    return f'<div class="{kind}" role="img" aria-label="{escape(words)}">{inside}</div>'


def colours(kind):
    """Those of what belongs to a model, in its order."""
    return [f"var(--cl-{layer})" for layer in kind or ["other"]]


# ---------------------------------------------------------------------------------------------------
# Answers


def answers(seen):
    """The models side by side: a bar from the middle to P(positive), with number and word."""
    ends = '<div class="cs-ends"><span>0 negative</span><span>positive 1</span></div>'
    parts = [f"<span></span>{ends}<span></span>"]
    for model, (name, kind, share) in enumerate(zip(seen.names, seen.kinds, seen.now)):
        tag, mark = ("b", "▸ ") if model == seen.chosen else ("span", "")
        bar = ""
        if not np.isnan(share):
            left, wide = 100 * min(share, 0.5), 100 * abs(share - 0.5)
            paint, *second = colours(kind)
            if second:
                paint = f"linear-gradient({paint} 50%, {second[0]} 50%)"
            bar = f'<i style="left:{left:.1f}%;width:{wide:.1f}%;background:{paint}"></i>'
        parts.append(
            f'<{tag} class="cs-name">{mark}{escape(name)}</{tag}><div class="cs-track">{bar}</div>'
            f'<{tag} class="cs-num">{answered(share)}</{tag}>'
        )
    return image(answers_in_words(seen), "".join(parts), "cs-answers")


def answers_in_words(seen):
    shares = ", ".join(f"{name} {answered(share)}" for name, share in zip(seen.names, seen.now))
    return f"P(positive) after {seen.read} of {len(seen.words)} words: {shares}."


def after_each_word(seen):
    """A line for each model over the words; the one that is looked into is bold."""
    count = seen.last - seen.first
    at = [100 * place / count for place in range(count + 1)] if count else [100]
    x = 10 * at[seen.read - seen.first]
    *others, chosen = sorted(range(len(seen.names)), key=lambda model: model == seen.chosen)
    lines = [_line(seen.after[model], at, seen.kinds[model], model == chosen) for model in (*others, chosen)]
    labels = ["…" if seen.first else "nothing"]
    labels += [word.named for word in seen.words[seen.first : seen.last]]
    shares = ", ".join(f"{share:.2f} after {label}" for share, label in zip(seen.after[chosen], labels))
    words = (
        f"P(positive) of {seen.names[chosen]} after each word: {shares}. "
        f"The line of what is read stands after {seen.read} of {len(seen.words)} words. "
        f"Thin lines: {', '.join(seen.names[model] for model in others) or 'none'}."
    )
    svg = (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 1000 100" preserveAspectRatio="none" '
        'xmlns="http://www.w3.org/2000/svg">'
        '<line x1="0" x2="1000" y1="50" y2="50" style="stroke:var(--cl-soft);stroke-dasharray:4 4" '
        f'vector-effect="non-scaling-stroke"/>{"".join(lines)}'
        f'<rect x="{x:.1f}" y="0" width="{1000 - x:.1f}" height="100" '
        'style="fill:var(--cl-card);opacity:.66"/>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="100" '
        'style="stroke:var(--cl-ink);stroke-width:1.5" vector-effect="non-scaling-stroke"/></svg>'
    )
    scale = ((0, "positive 1"), (50, "0.5"), (100, "negative 0"))
    marks = [_mark("cs-y", f"top:{top}%", label) for top, label in scale]
    for model, top in _spread(seen.after[:, -1]):
        marks.append(_mark("cs-end" + " cs-now" * (model == chosen), f"top:{top:.0f}px", seen.names[model]))
    labels = [shortened(label, 16) for label in labels]
    longest = max(map(len, labels))
    flat = longest * 7 + 8 <= 440 / max(count, 1)
    below = 22 if flat else 16 + 5.5 * longest
    for place, (left, label) in enumerate(zip(at, labels), seen.first):
        kind = "cs-x" if flat else "cs-tilt"
        kind += " cs-now" * (place == seen.read) + " cs-coming" * (place > seen.read)
        marks.append(_mark(kind, f"left:{left:.2f}%;top:{TALL + 6}px", label))
    style = f"height:{TALL}px;margin-bottom:{below:.0f}px"
    shown = say(seen.part) if seen.part else ""
    return f'<div class="cs-plot" style="{style}">{svg}{"".join(marks)}</div>{shown}'


def _line(shares, at, kind, bold):
    """The line of one model, dashed in two colours where it has both."""
    if np.isnan(shares).any():
        return ""
    if len(at) == 1:  # nothing to read: a dash
        at, shares = [94, 100], [shares[0]] * 2
    points = " ".join(f"{10 * x:.1f},{100 - 100 * y:.1f}" for x, y in zip(at, shares))
    wide = 3.2 if bold else 1.3
    return "".join(
        f'<polyline points="{points}" fill="none" vector-effect="non-scaling-stroke" style="stroke:{colour};'
        f'stroke-width:{wide}{";stroke-dasharray:7 7" * place}"/>'
        for place, colour in enumerate(colours(kind))
    )


def _mark(kind, style, words):
    return f'<span class="{kind}" style="{style}">{escape(words)}</span>'


def _spread(shares, apart=15):
    """(model, pixels from the top) of the names at the lines' ends, so that none covers another."""
    order = [model for model in np.argsort(-shares, kind="stable").tolist() if not np.isnan(shares[model])]
    down = accumulate(TALL * (1 - shares[order]), lambda above, top: max(top, above + apart))
    up = accumulate([*down][::-1], lambda below, top: min(top, below - apart), initial=TALL + apart)
    return zip(order, [*up][:0:-1])


# ---------------------------------------------------------------------------------------------------
# Filters


def ledger(seen):
    """What the filters add to the answer, the strongest first; all rows together are the logit."""
    look, rest = seen.look, []
    adds, summed = look.adds, look.weights is not None
    most = max((abs(adds[index]) for index in look.best), default=1.0)
    heads = "<th>0 to the largest</th>"
    if summed:
        ends = '<span class="cs-ends"><span>−</span><span>+</span></span>'
        heads = f"<th>× weight</th><th>= adds</th><th>{ends}</th>"
        others = np.delete(adds, [*look.off, *look.best])
        named = f"the {len(others)} other filters" if len(others) != 1 else "the other filter"
        rest = [(named, float(others.sum())), ("bias", look.bias)]
        most = max(most, *(abs(value) for _, value in rest))
    rows = [
        '<tr><th><span class="cl-sr">Rank</span></th><th class="cl-left">Filter</th>'
        f'<th class="cl-left">Phrase it fires on most</th><th>Value</th>{heads}</tr>'
    ]
    for rank, index in enumerate(look.best, 1):
        sign, kind = _sign(look, index)
        chosen = ' class="cs-chosen"' if index == look.filter else ""
        first, last = look.span(index)[0] + 1, look.span(index)[-1] + 1
        where = f"word {first}" if first == last else f"words {first} to {last}"
        phrase = f'<bdi>{escape(_phrase(seen, index))}</bdi> <span class="cs-where">{where}</span>'
        times = f"<td>{signed(look.weights[index])}</td><td>{signed(adds[index])}</td>" if summed else ""
        rows.append(
            f'<tr{chosen}><td><span class="cs-rank {kind}">{rank}{sign}</span></td>'
            f'<td class="cl-left">filter {index + 1}</td><td class="cl-left">{phrase}</td>'
            f"<td>{number(look.largest[index])}</td>{times}<td>{_bar(adds[index], most, summed)}</td></tr>"
        )
    for label, value in rest:
        rows.append(
            f'<tr><td></td><td class="cl-left" colspan="4">{label}</td><td>{signed(value)}</td>'
            f"<td>{_bar(value, most, summed)}</td></tr>"
        )
    table = f'<table class="cl-table cs-table">{"".join(rows)}</table>'
    return f'<div class="cs-tablebox">{table}</div>{say(_total(look))}'


def _total(look):
    """What the rows come to, in a sentence."""
    if look.weights is None:
        return (
            "What a filter adds to the answer cannot be told here: the LSTM reads all values, in order. "
            "So the list is by the largest value."
        )
    adds, off = look.adds, list(look.off)
    logit = float(np.delete(adds, off).sum()) + look.bias
    share = 1 / (1 + np.exp(-logit))
    words = (
        f"Together <b>{signed(logit)}</b>: P(positive) = sigmoid({signed(logit)}) = <b>{answered(share)}</b>."
    )
    if off:
        named = ", ".join(f"{index + 1} ({signed(adds[index])})" for index in off[:12])
        more = f" and {len(off) - 12} more" if len(off) > 12 else ""
        words += f" Switched off: {named}{more}, together {signed(adds[off].sum())}."
    return words


def _phrase(seen, index):
    """The phrase of a filter in quotation marks; what stands beyond the ends of the text is not there."""
    return f"“{' '.join(seen.words[place].named for place in seen.look.span(index))}”"


def _sign(look, index):
    """(sign, class) of what a filter adds; where there is no sum, its largest value has no sign."""
    sign, kind = ("−", "cs-minus") if look.adds[index] < 0 else ("+", "cs-plus")
    return "" if look.weights is None else sign, kind


def _bar(value, most, summed):
    if not summed:
        wide = 100 * value / most
        return f'<div class="cs-track cs-from0"><i class="cs-plus" style="width:{wide:.1f}%"></i></div>'
    wide = 50 * min(abs(value) / most, 1)
    left, kind = (50 - wide, "cs-minus") if value < 0 else (50, "cs-plus")
    return f'<div class="cs-track"><i class="{kind}" style="left:{left:.1f}%;width:{wide:.1f}%"></i></div>'


def sentence(seen):
    """The words with the phrases marked, and the values of one filter under them."""
    look, lanes = seen.look, _lanes(seen.look)
    values, span = look.values[:, look.filter], look.span(look.filter)
    top = max(values.max(initial=0.0), 1e-9)
    columns = []
    for place in range(seen.first, seen.last):
        word = seen.words[place]
        kind = f" class='{_edges(place, span)} cs-in'" if place in span else ""
        unknown = "" if word.known else "<sup>[?]</sup>"
        cells = [f"<bdi{kind}>{escape(shortened(word.shown, 26))}{unknown}</bdi>"]
        if place < seen.read:
            value = values[place]
            most = " cs-most" if value > 0 and place == values.argmax() else ""
            cells.append(
                f'<span class="cs-bar{most}"><i style="height:{100 * value / top:.0f}%"></i></span>'
                f'<small class="{most.strip()}">{number(value) if value > 0 else "0"}</small>'
            )
            deep = max((depth for depth, lane in enumerate(lanes, 1) if place in lane), default=0)
            cells += [lane.get(place, '<span class="cs-lane"></span>') for lane in lanes[:deep]]
        coming = "" if place < seen.read else " cs-coming"
        columns.append(f'<span class="cs-word{coming}">{"".join(cells)}</span>')
    return image(_sentence_in_words(seen), "".join(columns) or "(no words)", "cs-text") + say(_caption(seen))


def _edges(place, span):
    return " ".join(kind for kind, edge in (("cs-from", span[0]), ("cs-to", span[-1])) if place == edge)


def _lanes(look):
    """What stands in few lanes under the words of the best filters' phrases: for each lane, place -> HTML.

    The filters of one phrase and one sign stand together.
    """
    together = {}
    for rank, index in enumerate(look.best, 1):
        together.setdefault((look.span(index), *_sign(look, index)), []).append(str(rank))
    lanes = []
    for (span, sign, kind), ranks in together.items():
        lane = next((lane for lane in lanes if lane.keys().isdisjoint(span)), None)
        if lane is None:
            lanes.append(lane := {})
        label = f"<b>{' '.join([*ranks, sign]).strip()}</b>"
        for place in span:
            shown = label if place == span[(len(span) - 1) // 2] else ""
            lane[place] = f'<span class="cs-lane {kind} {_edges(place, span)}">{shown}</span>'
    return lanes


def _filter_in_words(seen):
    """The filter that is looked at, in a sentence."""
    look, index = seen.look, seen.look.filter
    name = f"Filter {index + 1}{' (switched off)' * (index in look.off)}"
    if not look.span(index):
        return f"{name} does not fire on any word: its largest value is 0"
    words = f"{name} fires most, {number(look.largest[index])}, on {_phrase(seen, index)}"
    if look.weights is None:
        return words
    weight, adds = signed(look.weights[index]), signed(look.adds[index])
    return f"{words}; times its weight {weight} that adds {adds} to the logit"


def _sentence_in_words(seen):
    look = seen.look
    values = zip(seen.words, look.values[:, look.filter])
    listed = ", ".join(f"{word.named} {number(value)}" for word, value in values)
    written = number if look.weights is None else signed
    phrases = ". ".join(
        f"{rank}: filter {index + 1} {written(look.adds[index])} on {_phrase(seen, index)}"
        for rank, index in enumerate(look.best, 1)
    )
    return (
        f"{_filter_in_words(seen)}. Its values: {shortened(listed, 3000) or 'there is no word'}. "
        f"The strongest filters: {phrases or 'none fires'}."
    )


def _caption(seen):
    look, count = seen.look, len(seen.look.best)
    what = f"these {look.width} words" if look.width > 1 else "this word alone"
    if look.states:
        what = f"these {look.width} states" if look.width > 1 else "this state"
        what += " of the LSTM; each has read all words before it"
        what += " and, from the other end, all behind it" * (look.states == "both ways")
    parts = [f"<b>Outlined, and the bars:</b> {escape(_filter_in_words(seen))}."]
    if 0 < len(look.span(look.filter)) < look.width:
        parts.append("The rest of its window is padding, beyond the edge of the text.")
    parts.append(f"The kernel sees {what}.")
    if count:
        numbers = f"Numbers 1 to {count}" if count > 1 else "Number 1"
        signs = "with + they push to positive, with − to negative"
        if look.weights is None:
            signs = "strongest are those of the largest value"
        parts.append(f"<b>{numbers}:</b> the phrases of the strongest filters; {signs}.")
    return " ".join([*parts, seen.part]).strip()
