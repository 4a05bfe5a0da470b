"""Pictures of what networks make of a sentence, as HTML and SVG: answers, lines, phrases, filters."""

import html
from dataclasses import dataclass

import numpy as np

from course_utils.labs.core.drawing import number, signed
from course_utils.labs.sentence.models import Look, shortened

TALL = 170  # pixels of the lines' field
COLOURS = {"cnn": "var(--cl-cnn)", "lstm": "var(--cl-lstm)"}
OTHER = "var(--cl-other)"


@dataclass(frozen=True, eq=False)
class Seen:
    """All that the pictures show.

    Attributes
    ----------
    read : int
        Words that are read so far.
    first : int
        Words of the first beginning in `after`.
    after : array (models, beginnings)
        P(positive) after that many words, after one more, and so on.
    look : Look or None
        Of the model `chosen`.
    """

    words: tuple
    read: int
    first: int
    names: tuple
    kinds: tuple
    chosen: int
    after: np.ndarray
    look: Look | None

    @property
    def last(self):
        """Words of the last beginning in `after`."""
        return self.first + self.after.shape[1] - 1


def answered(share):
    """P(positive) as number and word."""
    if np.isnan(share):
        return "no answer"
    word = "undecided" if f"{share:.2f}" == "0.50" else "positive" if share > 0.5 else "negative"
    return f"{share:.2f} {word}"


def escape(text):
    return html.escape(str(text), quote=True)


def say(words):
    return f'<div class="cs-say">{words}</div>'


def paint(kind):
    """The background of what belongs to a model: both colours, in its order, where it has both."""
    if len(kind) == 2:
        first, second = (COLOURS[one] for one in kind)
        return f"linear-gradient({first} 50%, {second} 50%)"
    return COLOURS[kind[0]] if kind else OTHER


def image(words, inside, kind=""):
    return f'<div class="{kind}" role="img" aria-label="{escape(words)}">{inside}</div>'


def passage(seen, span):
    """A phrase in quotation marks; what stands before the first word or after the last is not there."""
    words = " ".join(word.named for word in seen.words[slice(*span)])
    return f"“{words}”"


def numbered(span):
    first, last = span[0] + 1, span[1]
    return f"word {first}" if first == last else f"words {first} to {last}"


# ---------------------------------------------------------------------------------------------------
# Answers


def answers(seen):
    """The models side by side: a bar from the middle to P(positive), with number and word."""
    now = seen.after[:, seen.read - seen.first]
    ends = '<div class="cs-ends"><span>0 negative</span><span>positive 1</span></div>'
    parts = [f"<span></span>{ends}<span></span>"]
    for place, (name, kind, share) in enumerate(zip(seen.names, seen.kinds, now)):
        chosen = place == seen.chosen
        tag = "b" if chosen else "span"
        bar = ""
        if not np.isnan(share):
            left, wide = 100 * min(share, 0.5), 100 * abs(share - 0.5)
            bar = f'<i style="left:{left:.1f}%;width:{wide:.1f}%;background:{paint(kind)}"></i>'
        parts.append(
            f'<{tag} class="cs-name">{"▸ " * chosen}{escape(name)}</{tag}><div class="cs-track">{bar}</div>'
            f'<{tag} class="cs-num">{answered(share)}</{tag}>'
        )
    return image(said(seen), "".join(parts), "cs-answers")


def said(seen):
    """What the models answer, in words."""
    now = seen.after[:, seen.read - seen.first]
    shares = ", ".join(f"{name} {answered(share)}" for name, share in zip(seen.names, now))
    return f"P(positive) after {seen.read} of {len(seen.words)} words: {shares}."


def after_each_word(seen):
    """A line for each model over the words; the one that is looked into is bold."""
    count = seen.last - seen.first
    labels = [word.named for word in seen.words[seen.first : seen.last]]

    def at(place):
        return 100 * place / count if count else 100

    lines = [
        '<line x1="0" x2="1000" y1="50" y2="50" style="stroke:var(--cl-soft);stroke-dasharray:4 4" '
        'vector-effect="non-scaling-stroke"/>'
    ]
    order = [n for n in range(len(seen.names)) if n != seen.chosen] + [seen.chosen]
    for one in order:
        lines += _line(seen.after[one], at, seen.kinds[one], one == seen.chosen)
    here = at(seen.read - seen.first)
    lines.append(
        f'<rect x="{10 * here:.1f}" y="0" width="{1000 - 10 * here:.1f}" height="100" '
        'style="fill:var(--cl-card);opacity:.66"/>'
        f'<line x1="{10 * here:.1f}" x2="{10 * here:.1f}" y1="0" y2="100" '
        'style="stroke:var(--cl-ink);stroke-width:1.5" vector-effect="non-scaling-stroke"/>'
    )
    chosen = ", ".join(
        f"{value:.2f} after {label}"
        for value, label in zip(seen.after[seen.chosen], ["nothing" if not seen.first else "…", *labels])
    )
    words = (
        f"P(positive) of {seen.names[seen.chosen]} after each word: {chosen}. "
        f"The line of what is read stands after {seen.read} of {len(seen.words)} words. "
        f"Thin lines: {', '.join(n for i, n in enumerate(seen.names) if i != seen.chosen) or 'none'}."
    )
    svg = (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 1000 100" preserveAspectRatio="none" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(lines)}</svg>'
    )
    marks = [
        f'<span class="cs-y" style="top:{top}%">{label}</span>'
        for top, label in ((0, "positive 1"), (50, "0.5"), (100, "negative 0"))
    ]
    for one, top in _spread(seen):
        bold = " cs-now" if one == seen.chosen else ""
        marks.append(f'<span class="cs-end{bold}" style="top:{top:.0f}px">{escape(seen.names[one])}</span>')
    labels = ["nothing" if not seen.first else "…", *(shortened(label, 16) for label in labels)]
    flat = max(map(len, labels)) * 7 + 8 <= 440 / max(count, 1)
    below = 22 if flat else 16 + 5.5 * max(map(len, labels))
    for place, label in enumerate(labels):
        kind = ("cs-x" if flat else "cs-tilt") + " cs-now" * (seen.first + place == seen.read)
        kind += " cs-coming" * (seen.first + place > seen.read)
        marks.append(
            f'<span class="{kind}" style="left:{at(place):.2f}%;top:{TALL + 6}px">{escape(label)}</span>'
        )
    shown = ""
    if count < len(seen.words):
        shown = say(f"Shown: words {seen.first + 1} to {seen.last} of {len(seen.words)}.")
    style = f"height:{TALL}px;margin-bottom:{below:.0f}px"
    return f'<div class="cs-plot" style="{style}">{svg}{"".join(marks)}</div>{shown}'


def _line(values, at, kind, bold):
    if np.isnan(values).any():
        return []
    xs = [10 * at(place) for place in range(len(values))]
    if len(xs) == 1:  # nothing to read: a dash
        xs, values = [940, 1000], [values[0]] * 2
    points = " ".join(f"{x:.1f},{100 - 100 * y:.1f}" for x, y in zip(xs, values))
    wide = 3.2 if bold else 1.3
    colours = [COLOURS[one] for one in kind] or [OTHER]
    return [
        f'<polyline points="{points}" fill="none" vector-effect="non-scaling-stroke" style="stroke:{colour};'
        f'stroke-width:{wide}{";stroke-dasharray:7 7" * place}"/>'
        for place, colour in enumerate(colours)
    ]


def _spread(seen, apart=15):
    """(model, pixels from the top) of the names at the lines' ends, so that none covers another."""
    there = [one for one in range(len(seen.names)) if not np.isnan(seen.after[one, -1])]
    order = sorted(there, key=lambda one: -seen.after[one, -1])
    tops = [TALL * (1 - float(seen.after[one, -1])) for one in order]
    for place in range(1, len(tops)):
        tops[place] = max(tops[place], tops[place - 1] + apart)
    limit = TALL
    for place in reversed(range(len(tops))):
        tops[place] = min(tops[place], limit)
        limit = tops[place] - apart
    return zip(order, tops)


# ---------------------------------------------------------------------------------------------------
# Filters


def ledger(seen):
    """What the filters add to the answer, the strongest first; all rows together are the logit."""
    look = seen.look
    best, adds, largest = look.best, look.adds, look.largest
    summed = look.weights is not None
    rows = []
    most = max((abs(adds[one]) for one in best), default=0.0) or 1.0
    if summed:
        on = np.ones(len(adds), bool)
        on[list(look.off)] = False
        rest = on.copy()
        rest[best] = False
        others = float(adds[rest].sum())
        most = max(most, abs(others), abs(look.bias))
    for rank, one in enumerate(best, 1):
        span = look.span(one)
        chosen = ' class="cs-chosen"' if one == look.filter else ""
        cells = f'<td>{_rank(rank, adds[one], summed)}</td><td class="cl-left">filter {one + 1}</td>'
        phrase = f'<bdi>{escape(passage(seen, span))}</bdi> <span class="cs-where">{numbered(span)}</span>'
        cells += f'<td class="cl-left">{phrase}</td>'
        cells += f"<td>{number(largest[one])}</td>"
        if summed:
            cells += f"<td>{signed(look.weights[one])}</td><td>{signed(adds[one])}</td>"
        rows.append(f"<tr{chosen}>{cells}<td>{_bar(adds[one], most, summed)}</td></tr>")
    if summed:
        count = int(rest.sum())
        named = f"the {count} other filters" if count != 1 else "the other filter"
        for label, value in ((named, others), ("bias", look.bias)):
            rows.append(
                f'<tr><td></td><td class="cl-left" colspan="4">{label}</td><td>{signed(value)}</td>'
                f"<td>{_bar(value, most, summed)}</td></tr>"
            )
    heads = ['<span class="cl-sr">Rank</span>', "Filter", "Phrase it fires on most", "Value"]
    ends = '<span class="cs-ends"><span>−</span><span>+</span></span>'
    heads += ["× weight", "= adds", ends] if summed else ["0 to the largest"]
    head = "".join(
        f'<th class="cl-left">{one}</th>' if n in (1, 2) else f"<th>{one}</th>" for n, one in enumerate(heads)
    )
    table = f'<table class="cl-table cs-table"><tr>{head}</tr>{"".join(rows)}</table>'
    return f'<div class="cs-tablebox">{table}</div>{say(_total(look, adds, summed))}'


def _total(look, adds, summed):
    if not summed:
        return (
            "What a filter adds to the answer cannot be told here: the LSTM reads all values, in order. "
            "So the list is by the largest value."
        )
    logit = float(np.delete(adds, list(look.off)).sum()) + look.bias
    share = 1 / (1 + np.exp(-logit))
    words = (
        f"Together <b>{signed(logit)}</b>: P(positive) = sigmoid({signed(logit)}) = <b>{answered(share)}</b>."
    )
    if look.off:
        named = ", ".join(f"{one + 1} ({signed(adds[one])})" for one in look.off[:12])
        more = f" and {len(look.off) - 12} more" if len(look.off) > 12 else ""
        words += f" Switched off: {named}{more}, together {signed(adds[list(look.off)].sum())}."
    return words


def _rank(rank, value, summed):
    kind = "cs-minus" if value < 0 else "cs-plus"
    return f'<span class="cs-rank {kind}">{rank}{_sign(value, summed)}</span>'


def _sign(value, summed):
    return ("−" if value < 0 else "+") if summed else ""


def _bar(value, most, summed):
    if not summed:
        wide = 100 * value / most
        return f'<div class="cs-track cs-from0"><i class="cs-plus" style="width:{wide:.1f}%"></i></div>'
    wide = 50 * min(abs(value) / most, 1)
    left, kind = (50 - wide, "cs-minus") if value < 0 else (50, "cs-plus")
    return f'<div class="cs-track"><i class="{kind}" style="left:{left:.1f}%;width:{wide:.1f}%"></i></div>'


def sentence(seen):
    """The words with the phrases marked, and the values of one filter under them."""
    look, words = seen.look, seen.words
    lanes = _lanes(look)
    values = look.values[:, look.filter]
    top, span = max(values.max(initial=0.0), 1e-9), look.span(look.filter)
    columns = []
    for place in range(seen.first, seen.last):
        word, inside = words[place], span is not None and span[0] <= place < span[1]
        kind = f" class='{_edges(place, span)} cs-in'" if inside else ""
        unknown = "" if word.known else "<sup>[?]</sup>"
        cells = [f"<bdi{kind}>{escape(shortened(word.shown, 26))}{unknown}</bdi>"]
        if place < seen.read:
            value = values[place]
            most = " cs-most" if value > 0 and place == values.argmax() else ""
            cells.append(
                f'<span class="cs-bar{most}"><i style="height:{100 * value / top:.0f}%"></i></span>'
                f'<small class="{most.strip()}">{number(value) if value > 0 else "0"}</small>'
            )
            deep = max((n for n, lane in enumerate(lanes, 1) if _in_lane(lane, place)), default=0)
            cells += [_lane(lane, place) for lane in lanes[:deep]]
        coming = "" if place < seen.read else " cs-coming"
        columns.append(f'<span class="cs-word{coming}">{"".join(cells)}</span>')
    return image(_told(seen), "".join(columns) or "(no words)", "cs-text") + say(_caption(seen))


def _edges(place, span):
    return " ".join(name for name, edge in (("cs-from", span[0]), ("cs-to", span[1] - 1)) if place == edge)


def _lanes(look):
    """The best filters' phrases in few lanes; those of one phrase and one sign stand together.

    [[(first word, behind the last, label, class), ...], ...]
    """
    found = {}
    for rank, one in enumerate(look.best, 1):
        found.setdefault((look.span(one), look.adds[one] < 0), []).append(str(rank))
    lanes = []
    for (span, minus), ranks in found.items():
        sign = _sign(-1 if minus else 1, look.weights is not None)
        label, kind = f"{' '.join(ranks)} {sign}".strip(), "cs-minus" if minus else "cs-plus"
        for lane in lanes:
            if all(span[1] <= other[0] or span[0] >= other[1] for other in lane):
                break
        else:
            lanes.append(lane := [])
        lane.append((*span, label, kind))
    return lanes


def _in_lane(lane, place):
    """The phrase of a lane that holds this word, or None."""
    return next((phrase for phrase in lane if phrase[0] <= place < phrase[1]), None)


def _lane(lane, place):
    """What a lane shows under one word."""
    if (phrase := _in_lane(lane, place)) is None:
        return '<span class="cs-lane"></span>'
    first, last, label, kind = phrase
    shown = f"<b>{label}</b>" if place == (first + last - 1) // 2 else ""
    return f'<span class="cs-lane {kind} {_edges(place, (first, last))}">{shown}</span>'


def _filter_told(seen):
    """The filter that is looked at, in a sentence."""
    look, one = seen.look, seen.look.filter
    state = " (switched off)" if one in look.off else ""
    span = look.span(one)
    if span is None:
        return f"Filter {one + 1}{state} does not fire on any word: its largest value is 0"
    words = f"Filter {one + 1}{state} fires most, {number(look.largest[one])}, on {passage(seen, span)}"
    if look.weights is None:
        return words
    weight, adds = signed(look.weights[one]), signed(look.adds[one])
    return f"{words}; times its weight {weight} that adds {adds} to the logit"


def _told(seen):
    look = seen.look
    values = look.values[:, look.filter]
    words = ", ".join(f"{word.named} {number(v)}" for word, v in zip(seen.words, values))
    told = number if look.weights is None else signed
    phrases = ". ".join(
        f"{rank}: filter {one + 1} {told(look.adds[one])} on {passage(seen, look.span(one))}"
        for rank, one in enumerate(look.best, 1)
    )
    return (
        f"{_filter_told(seen)}. Its values: {shortened(words, 3000) or 'there is no word'}. "
        f"The strongest filters: {phrases or 'none fires'}."
    )


def _caption(seen):
    look = seen.look
    what = f"these {look.width} words" if look.width > 1 else "this word alone"
    if look.states:
        what = f"these {look.width} states" if look.width > 1 else "this state"
        what += " of the LSTM; each has read all words before it"
        what += " and, from the other end, all behind it" if look.states == "both ways" else ""
    span = look.span(look.filter)
    edge = span is not None and span[1] - span[0] < look.width
    padding = " The rest of its window is padding, beyond the edge of the text." if edge else ""
    part = ""
    if seen.last - seen.first < len(seen.words):
        part = f" Shown: words {seen.first + 1} to {seen.last} of {len(seen.words)}."
    told = f"<b>Outlined, and the bars:</b> {escape(_filter_told(seen))}.{padding} The kernel sees {what}."
    if count := len(look.best):
        numbers = f"Numbers 1 to {count}" if count > 1 else "Number 1"
        signs = "strongest are those of the largest value"
        if look.weights is not None:
            signs = "with + they push to positive, with − to negative"
        told += f" <b>{numbers}:</b> the phrases of the strongest filters; {signs}."
    return told + part
