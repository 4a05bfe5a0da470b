// The live gate lab of the book: one LSTM at work, step by step, with its gates held open or shut.
// `live.py` exports its data; the words are those of the Python lab.

import {
  CARD,
  INK,
  LINE,
  LiveLab,
  Refusal,
  SOFT,
  card,
  drawPicture,
  element,
  escaped,
  number,
  observed,
  path,
  put,
  readState,
  rect,
  rounded,
  sentences,
  signed,
  write,
  writeState,
} from '../core/live.js';

const TERMS = 3; // of a sum that are named one by one
const ORDER = ['i', 'f', 'g', 'o']; // how Keras lays the four blocks of its weights side by side; it calls g c
const OWN = 'own';
const LSTM = 'var(--ll-lstm)';
const TINT = 'var(--ll-tint)';
const BAND = 'var(--ll-band)';
const NAMES = {
  x: 'input',
  i: 'input gate',
  f: 'forget gate',
  o: 'output gate',
  g: 'candidate',
  c: 'cell state',
  h: 'hidden state',
};
const CLAMPS = { shut: 0, open: 1 };

const sum = values => values.reduce((all, value) => all + value, 0);

// ------------------------------------------------------------------------------------------------ mathematics

/** The sigmoid, without overflow. */
const sigmoid = z => 0.5 + 0.5 * Math.tanh(z / 2);

/**
 * An LSTM with one input feature, step by step.
 * @param {object} weights as Keras gives them: kernel (4 * units), recurrent (units, 4 * units) and bias
 *   (4 * units), their blocks in the order i, f, candidate, o
 * @param {number[]} sequence (steps)
 * @param {object} clamps 'i', 'f' or 'o' -> the value, 0 or 1, at which this gate is held in all units
 * @returns {object} i, f, g, o, c and h, each (steps, units)
 */
export function unroll({ kernel, recurrent, bias }, sequence, clamps = {}) {
  const units = recurrent.length;
  const course = { i: [], f: [], g: [], o: [], c: [], h: [] };
  let cell = Array(units).fill(0);
  let hidden = cell;
  for (const x of sequence) {
    const z = bias.map((b, at) => sum(hidden.map((h, k) => h * recurrent[k][at])) + x * kernel[at] + b);
    const step = Object.fromEntries(
      ORDER.map((gate, block) => {
        const sums = z.slice(block * units, (block + 1) * units);
        return [
          gate,
          gate in clamps ? sums.map(() => clamps[gate]) : sums.map(gate === 'g' ? Math.tanh : sigmoid),
        ];
      }),
    );
    cell = cell.map((c, k) => step.f[k] * c + step.i[k] * step.g[k]);
    hidden = cell.map((c, k) => step.o[k] * Math.tanh(c));
    Object.entries({ ...step, c: cell, h: hidden }).forEach(([key, values]) => course[key].push(values));
  }
  return course;
}

/** After how many steps half of the memory is gone, if the forget gate stays as it is. */
export function halfLife(forget) {
  if (forget >= 1) return Infinity;
  return forget > 0 ? Math.log(0.5) / Math.log(forget) : 0;
}

/**
 * What a state shows: one unit of one cell at one step of one input.
 * @param {object} state the value of every dial
 * @param {object} data of the lab
 * @returns {object} `course`, and `free`, the course without clamps, if there are some; of the unit:
 *   `line(key)` over time, `now(key)`, `before` (the memory that the step began with), `left` of each step so
 *   far, `parts` of the memory by the step that wrote them, the `terms` of the sum behind the gate, their
 *   `total`, and what it is `squashed` to
 */
export function look(state, data) {
  const weights = data.cells[state.cell];
  const { kernel, recurrent, bias } = weights;
  const units = recurrent.length;
  const x = sequenceOf(state, data);
  const unit = state.unit - 1;
  const step = state.step - 1;
  const clamps = Object.fromEntries(
    ['i', 'f', 'o'].filter(gate => state[gate] !== 'computed').map(gate => [gate, CLAMPS[state[gate]]]),
  );
  const course = unroll(weights, x, clamps);
  const free = Object.keys(clamps).length ? unroll(weights, x) : null;
  const line = (key, of = course) => (key === 'x' ? x : of[key].map(values => values[unit]));
  const now = key => line(key)[step];
  const before = step ? line('c')[step - 1] : 0;

  const left = [1];
  for (const f of line('f')
    .slice(1, step + 1)
    .reverse())
    left.unshift(left[0] * f);
  const parts = left.map((share, s) => share * line('i')[s] * line('g')[s]);
  const bySize = values =>
    values.map((_, at) => at).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
  const largest = bySize(parts)
    .slice(0, TERMS)
    .filter(s => Math.abs(parts[s]) >= 0.005);

  const column = ORDER.indexOf(state.gate) * units + unit;
  const h = step ? course.h[step - 1] : Array(units).fill(0);
  const products = h.map((value, k) => value * recurrent[k][column]);
  const order = bySize(products);
  const name = k => (units === 1 ? 'h before · V' : `h · V of unit ${k + 1}`);
  const terms = [{ name: 'x · U', factors: [x[step], kernel[column]], value: x[step] * kernel[column] }];
  for (const k of order.slice(0, TERMS)) {
    terms.push({ name: name(k), factors: [h[k], recurrent[k][column]], value: products[k] });
  }
  if (units > TERMS) {
    terms.push({
      name: `h · V of ${units - TERMS} more`,
      value: sum(order.slice(TERMS).map(k => products[k])),
    });
  }
  terms.push({ name: 'bias b', value: bias[column] });
  const total = sum(terms.map(({ value }) => value));
  const squashed = state.gate === 'g' ? Math.tanh(total) : sigmoid(total);
  return {
    x,
    cell: weights.name,
    input: state.input === OWN ? 'your own sequence' : data.inputs[state.input].name,
    units,
    unit,
    step,
    gate: state.gate,
    clamps,
    course,
    free,
    line,
    now,
    before,
    left,
    parts,
    largest,
    terms,
    total,
    squashed,
    unitWords: units > 1 ? `, unit ${unit + 1} of ${units}` : '',
  };
}

// ------------------------------------------------------------------------------------------------ states

/** The numbers that the LSTM of a state reads. */
export const sequenceOf = (state, data) =>
  state.input === OWN ? state.own : data.inputs[state.input].values;

const unitsOf = (cell, data) => data.cells[cell].recurrent.length;

/** The state of a string. @throws {Refusal} */
export function read(text, data) {
  const state = readState(text, data);
  const units = unitsOf(state.cell, data);
  if (state.unit > units) {
    const has = units === 1 ? 'one unit' : `${units} units`;
    throw new Refusal(`Unit cannot be ${state.unit}: cell '${state.cell}' has ${has}.`);
  }
  if (state.input === OWN && !state.own.length) {
    throw new Refusal("Input cannot be 'own' without a sequence: write one, such as own=0,1,0,0.5.");
  }
  const steps = sequenceOf(state, data).length;
  if (state.step > steps) throw new Refusal(`Step cannot be ${state.step}: this input has ${steps} steps.`);
  return state;
}

/** A state as a string. */
export const written = writeState;

/** What becomes of a state when a dial is turned; 'value' is the input at the chosen step. */
export function turn(state, name, value, data) {
  if (name === 'cell') return { ...state, cell: value, unit: Math.min(state.unit, unitsOf(value, data)) };
  if (name === 'input') {
    const own = state.own.length || value !== OWN ? state.own : sequenceOf(state, data);
    const next = { ...state, input: value, own };
    return { ...next, step: Math.min(state.step, sequenceOf(next, data).length) };
  }
  if (name === 'value') {
    const values = sequenceOf(state, data).with(state.step - 1, rounded(value));
    return `${values}` === `${sequenceOf(state, data)}` ? state : { ...state, input: OWN, own: values };
  }
  return { ...state, [name]: value };
}

// ------------------------------------------------------------------------------------------------ words

/** A number as an index below the line. */
const sub = value => `${value}`.replace(/\d/g, digit => '₀₁₂₃₄₅₆₇₈₉'[digit]);

/** A share of one, that says 1.00 or 0.00 only where nothing is missing or left. */
function near(value) {
  if (value > 0.9999 && value < 1) return 'over 0.9999';
  if (value >= 0.995 && value < 1) return number(value, 4);
  return value > 0 && value < 0.005 ? 'under 0.005' : number(value);
}

const held = value => (value ? 'held open' : 'held shut');

/** In a sentence or two, what happens at this step. */
export function whatIsSeen(seen) {
  const t = seen.step + 1;
  const [f, i, o, c, h, g] = ['f', 'i', 'o', 'c', 'h', 'g'].map(seen.now);
  const added = i * g;
  let words = `At step ${t} the memory begins at ${number(seen.before)}`;
  if (Math.abs(seen.before) >= 0.005) {
    const what = f <= 0.05 ? 'is dropped' : f >= 0.95 ? 'is kept' : 'fades';
    words = `At step ${t} the memory ${number(seen.before)} ${what} (f is ${near(f)})`;
  }
  const why = i < 0.05 ? `the input gate is shut: i is ${near(i)}` : 'the candidate g is near 0';
  words += Math.abs(added) >= 0.005 ? `, ${signed(added)} is written` : `, nothing is written (${why})`;
  words += `, so c is ${number(c)}; the output gate lets ${near(o)} of tanh(c) out, so h is ${number(h)}.`;
  if (seen.free) {
    const free = seen.line('c', seen.free)[seen.step];
    words += ` Without your clamps c would be ${Math.abs(free - c) < 0.005 ? 'the same' : number(free)} here.`;
  }
  return words;
}

/** What is worth knowing about an odd state, in sentences, the most telling first. */
export function hints(seen) {
  const t = seen.step + 1;
  const [f, i, o, c, h] = ['f', 'i', 'o', 'c', 'h'].map(seen.now);
  const found = [];
  if (f === 1 && i === 0)
    found.push('Forget gate open and input gate shut: the memory c is carried on unchanged, exactly.');
  if (o < 0.01 && Math.abs(c) >= 0.05) {
    found.push(
      `The output gate is shut: h is ${number(h)} although c is ${number(c)}. The memory is there; ` +
        'this step just does not show it.',
    );
  }
  if (f < 0.01 && Math.abs(f * seen.before) < 0.005) {
    found.push(`The forget gate is shut: nothing from before step ${t} can remain in c, which is i·g.`);
  }
  if (f === 1 && i > 0)
    found.push('Nothing is forgotten: all that is written adds up, and c can leave −1 to 1.');
  if (Math.abs(c) >= 2 && o >= 0.01) {
    found.push(
      `c is ${number(c)}, and tanh(c) ${number(Math.tanh(c))}: tanh is flat out here, so h hardly tells ` +
        'how large the memory is.',
    );
  }
  return found;
}

/** Numbers one after another, equal ones counted: '0.00 (4 times), 1.00'. */
function runLengths(values) {
  const runs = [];
  for (const text of values.map(value => number(value))) {
    if (runs.at(-1)?.text === text) runs.at(-1).count += 1;
    else runs.push({ text, count: 1 });
  }
  return runs.map(({ text, count }) => (count === 1 ? text : `${text} (${count} times)`)).join(', ');
}

/** The course over time, for those who cannot see the picture. */
export function courseWords(seen) {
  const clamps = Object.entries(seen.clamps).map(([gate, value]) => `${NAMES[gate]} ${held(value)}`);
  const since = Math.max(seen.step - 7, 0);
  const left = seen.left
    .slice(since)
    .map((share, s) => `step ${since + s + 1}: ${near(share)}`)
    .join('; ');
  return sentences([
    `${seen.cell}${seen.unitWords}, reading ${seen.input}, step ${seen.step + 1} of ${seen.x.length}`,
    clamps.join(' and ') || 'all gates as computed',
    `at this step ${Object.keys(ROWS)
      .map(key => `${key} ${number(seen.now(key))}`)
      .join(', ')}`,
    `input x by step: ${runLengths(seen.x)}`,
    `memory c by step: ${runLengths(seen.line('c'))}`,
    ...(seen.free ? [`without clamps: ${runLengths(seen.line('c', seen.free))}`] : []),
    `what is left of each step now: ${left}`,
  ]);
}

/** The numbers about the memory: (label, value). */
export function memoryTable(seen) {
  const t = sub(seen.step + 1);
  const life = halfLife(seen.now('f'));
  const rows = [
    [
      'half-life at this f, steps',
      life === Infinity ? 'infinite' : life > 1e4 ? 'over 10,000' : number(life, 1),
    ],
  ];
  if (seen.step) rows.push(['left now of step 1', near(seen.left[0])]);
  rows.push(...seen.largest.map(s => [`of c${t} from step ${s + 1}`, signed(seen.parts[s])]));
  if (seen.largest.length <= seen.step) {
    const rest = sum(seen.parts) - sum(seen.largest.map(s => seen.parts[s]));
    rows.push([`of c${t} from ${seen.largest.length ? 'the other' : 'all'} steps`, signed(rest)]);
  }
  return [...rows, [`all of c${t}, the sum`, signed(seen.now('c'))]];
}

/** What becomes of the sum behind a gate. */
export function outcome({ gate, squashed, clamps }) {
  const result = gate === 'g' ? `tanh(z) = ${number(squashed)}` : `σ(z) = ${near(squashed)}`;
  return gate in clamps
    ? `${result}, but ${held(clamps[gate])}: ${gate} = ${clamps[gate]}`
    : `${gate} = ${result}`;
}

// ------------------------------------------------------------------------------------------------ the course

const ROWS = { x: 40, i: 32, f: 32, o: 32, g: 38, c: 56, h: 40 }; // from the top, with their heights
const MARKS = { i: 'circle', f: 'square', o: 'triangle', g: 'diamond', h: 'circle' }; // of h hollow
const DASHED = 'stroke-dasharray="4 3"';
const NARROW = 560; // pixels, below which names stand above the lines

const through = points => `M${points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' L')}`;

/** The next round number above, for the end of a scale. */
const nice = (value, least = 0.1) =>
  [least, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 20, 50, Math.ceil(value)].find(n => n >= Math.max(value, least));

const most = values => Math.max(...values.map(value => Math.abs(value)));

function rangeOf(seen, key) {
  if ('ifo'.includes(key)) return [0, 1];
  if (key !== 'c') return [-1, 1];
  const end = nice(most([...seen.line('c'), ...(seen.free ? seen.line('c', seen.free) : [])]), 1);
  return [-end, end];
}

/** All marks of a line, as one path. */
function marks(kind, points, r, line, fill) {
  const shapes = {
    circle: `m${-r},0 a${r},${r} 0 1 0 ${2 * r},0 a${r},${r} 0 1 0 ${-2 * r},0`,
    square: `m${-r},${-r} h${2 * r} v${2 * r} h${-2 * r} z`,
    triangle: `m${-r - 0.8},${r} h${2 * r + 1.6} l${-r - 0.8},${-2 * r - 1} z`,
    diamond: `m0,${-r - 1} l${r + 1},${r + 1} l${-r - 1},${r + 1} l${-r - 1},${-r - 1} z`,
  };
  return path(points.map(([x, y]) => `M${x.toFixed(1)},${y.toFixed(1)} ${shapes[kind]}`).join(''), {
    line,
    width: 1.4,
    fill,
  });
}

/** Where things stand in a picture of the course that is `wide` pixels wide. */
function layout(seen, wide) {
  const narrow = wide < NARROW;
  const start = narrow ? 38 : 150;
  const end = narrow ? wide - 6 : wide - 62;
  const cell = (end - start) / seen.x.length;
  return { narrow, wide, start, end, cell, at: seen.x.map((_, t) => start + (t + 0.5) * cell) };
}

/** The name of a line and what is `said` of it: beside the line, or above where it is narrow. */
function named({ narrow }, y, tall, name, said, key = '') {
  const line = narrow ? y - 9 : y + tall / 2 + 4.5 - (said ? 8 : 0);
  const x = key ? 15 : 0;
  const style = key ? 'font-weight:600' : `font-weight:400;fill:${SOFT}`;
  const more = said && `<tspan ${narrow ? 'dx="6"' : `x="${x}" dy="16"`} style="${style}">${said}</tspan>`;
  return [write(0, line, key, { weight: 700 }), write(x, line, name, { weight: key ? 400 : 600, more })];
}

/** A value at the chosen step, at the right. */
function valued({ narrow, wide }, y, tall, value) {
  return write(wide, narrow ? y - 9 : y + tall / 2 + 4.5, number(value), { anchor: 'end', weight: 600 });
}

/** The ends of a scale. */
function scale({ start }, y, tall, low, high) {
  const style = { anchor: 'end', fill: SOFT, size: 12 };
  return [write(start - 6, y + 9, high, style), write(start - 6, y + tall + 2, low, style)];
}

/** One line over time, with its name and its scale; and what tells its value at the chosen step. */
function row(seen, place, key, y, tall) {
  const { start, end, at } = place;
  const [low, high] = rangeOf(seen, key);
  const values = seen.line(key);
  const up = value => y + (tall * (high - value)) / (high - low);
  const points = at.map((x, t) => [x, up(values[t])]);
  const drawn = [...new Set([low, 0, high])].map(value =>
    path(`M${start},${up(value).toFixed(1)} H${end.toFixed(1)}`, { line: LINE, width: value ? 0.7 : 1.4 }),
  );
  drawn.push(...scale(place, y, tall, number(low, 0), number(high, 0)));
  drawn.push(...named(place, y, tall, NAMES[key], key in seen.clamps ? held(seen.clamps[key]) : '', key));
  if (seen.free && key !== 'x') {
    const free = seen.line(key, seen.free);
    drawn.push(path(through(at.map((x, t) => [x, up(free[t])])), { line: INK, more: DASHED }));
  }
  if (key === 'x') {
    drawn.push(
      path(points.map(([x, v]) => `M${x.toFixed(1)},${up(0).toFixed(1)} V${v.toFixed(1)}`).join(''), {
        width: 2,
      }),
    );
    drawn.push(marks('circle', points, 2.6, SOFT, SOFT));
  } else {
    if (key === 'c') {
      const area = `${through(points)} V${up(0).toFixed(1)} H${at[0].toFixed(1)} Z`;
      drawn.push(path(area, { line: 'none', fill: TINT }));
    }
    drawn.push(path(through(points), { line: LSTM, width: key === 'c' ? 2.6 : 1.6 }));
    if (MARKS[key]) drawn.push(marks(MARKS[key], points, 2.6, LSTM, key === 'h' ? CARD : LSTM));
  }
  return [
    drawn,
    marks('circle', [points[seen.step]], 5, INK, 'none') + valued(place, y, tall, seen.now(key)),
  ];
}

/** Bars under the time axis for the steps so far, upwards or both ways. */
function bars(place, y, tall, values, top) {
  const { start, end, at, cell } = place;
  const below = Math.min(...values) < -0.005;
  const [zero, by] = below ? [y + tall / 2, tall / 2 / top] : [y + tall, tall / top];
  const wide = Math.min(cell - 2, 26);
  return [
    ...scale(place, y, tall, below ? number(-top, top < 1 ? 1 : 0) : '0', `${top}`),
    path(`M${start},${zero.toFixed(1)} H${end.toFixed(1)} M${start},${y.toFixed(1)} H${end.toFixed(1)}`, {
      line: LINE,
      width: 1,
    }),
    ...values.map((value, t) => {
      const long = Math.max(Math.abs(value) * by, 0.8);
      return rect(at[t] - wide / 2, value >= 0 ? zero - long : zero, wide, long, {
        fill: TINT,
        line: LSTM,
        width: 0.8,
      });
    }),
  ];
}

/** The course of the unit over time, as a picture `wide` pixels wide. */
function coursePicture(seen, wide) {
  const place = layout(seen, wide);
  const { narrow, cell, at } = place;
  const gap = narrow ? 34 : 16;
  const here = at[seen.step];
  const still = [];
  const now = [];
  let y = narrow ? 24 : 8;
  for (const [key, tall] of Object.entries(ROWS)) {
    const [drawn, told] = row(seen, place, key, y, tall);
    still.push(drawn);
    now.push(told);
    y += tall + gap;
  }
  y += narrow ? -10 : 8;
  at.forEach((x, t) => {
    const shown = (t === 0 || (t + 1) % (cell >= 22 ? 1 : 5) === 0) && Math.abs(t - seen.step) * cell >= 20;
    if (t === seen.step) now.push(write(x, y, t + 1, { anchor: 'middle', weight: 600 }));
    else if (shown) now.push(write(x, y, t + 1, { anchor: 'middle', fill: SOFT }));
  });
  if (!narrow) still.push(write(0, y, 'step', { fill: SOFT }));
  y += narrow ? 30 : 14;
  still.push(named(place, y, 34, 'left of each step', 'product of f since'));
  now.push(bars(place, y, 34, seen.left, 1));
  y += 34 + gap;
  now.push(
    named(place, y, 44, `c${sub(seen.step + 1)} by origin`, 'left · i · g'),
    valued(place, y, 44, seen.now('c')),
  );
  now.push(bars(place, y, 44, seen.parts, nice(most(seen.parts))));
  y += 44 + 6;
  const band = rect(here - cell / 2, 2, cell, y - 2, { fill: BAND });
  return { width: wide, height: y + 2, words: courseWords(seen), layers: [[band], still.flat(), now.flat()] };
}

// ------------------------------------------------------------------------------------------------ the arithmetic

/** Boxes with a name and a number each, with signs between them; the last one is what the others make. */
function equation(...boxes) {
  const drawn = boxes.map((box, at) => {
    if (typeof box === 'string') return `<i>${box}</i>`;
    const kind = at === boxes.length - 1 ? ' class="lg-result"' : '';
    return `<span${kind}><small>${box[0]}</small> <b>${number(box[1])}</b></span>`;
  });
  return `<div class="lg-equation">${drawn.join('')}</div>`;
}

/** The step's arithmetic: HTML. */
function equations(seen) {
  const t = sub(seen.step + 1);
  const last = sub(seen.step);
  const [f, i, g, o, c, h] = ['f', 'i', 'g', 'o', 'c', 'h'].map(seen.now);
  const made = equation(['f', f], '×', [`c${last}`, seen.before], '+', ['i', i], '×', ['g', g], '=', [
    `c${t}`,
    c,
  ]);
  const shown = equation(['o', o], '×', [`tanh c${t}`, Math.tanh(c)], '=', [`h${t}`, h]);
  const parts = `kept, f · c${last}: ${signed(f * seen.before)}; written, i · g: ${signed(i * g)}`;
  return (
    `<div class="ll-head">The arithmetic at step ${seen.step + 1}</div><div class="lg-equations">` +
    `<div>${made}<div class="lg-made">${parts}</div></div>${shown}</div>`
  );
}

/** The terms in front of one gate, and their sum: HTML. */
function sumTable(seen) {
  const end = Math.max(most(seen.terms.map(({ value }) => value)), 0.1);
  const lines = seen.terms.map(({ name, factors, value }) => {
    const product = factors ? factors.map(one => number(one)).join(' × ') : '';
    const share = Math.max((Math.abs(value) / end) * 50, 1);
    const bar = `<i style="width:${share.toFixed(1)}%;${value < 0 ? 'right' : 'left'}:50%"></i>`;
    return (
      `<tr><th scope="row">${name}</th><td class="lg-soft">${product}</td>` +
      `<td>${signed(value)}</td><td class="lg-bar">${bar}</td></tr>`
    );
  });
  return (
    `<table class="ll-table lg-sum"><caption>The sum behind the ${NAMES[seen.gate]} ${seen.gate}</caption>` +
    `<tbody>${lines.join('')}<tr class="lg-total"><th scope="row">sum z</th><td></td>` +
    `<td>${signed(seen.total)}</td><td></td></tr></tbody></table>`
  );
}

/** The sigmoid or tanh, with a dot at z. */
function curve(seen) {
  const x = 6;
  const y = 8;
  const wide = 92;
  const tall = 60;
  const low = seen.gate === 'g' ? -1 : 0;
  const bend = low ? Math.tanh : sigmoid;
  const up = value => y + (tall * (1 - value)) / (1 - low);
  const along = z => x + (wide * (Math.min(Math.max(z, -6), 6) + 6)) / 12;
  const points = Array.from({ length: 41 }, (_, k) => -6 + 0.3 * k).map(z => [along(z), up(bend(z))]);
  const name = low ? 'tanh' : 'σ';
  const bounds = `M${x},${up(low)} h${wide} M${x},${up(1)} h${wide} M${along(0)},${y} v${tall}`;
  const still = [path(bounds, { line: LINE, width: 1 }), path(through(points), { width: 1.6 })];
  still.push(
    write(x + wide / 2, y + tall + 18, `${name}, z −6 to 6`, { anchor: 'middle', fill: SOFT, size: 12 }),
  );
  const dot = marks('circle', [[along(seen.total), up(seen.squashed)]], 4, INK, LSTM);
  const words = `${name} for z from −6 to 6, with a dot at z ${number(seen.total)}.`;
  return { width: 104, height: 92, words, layers: [still, [dot]] };
}

function memory(seen) {
  const lines = memoryTable(seen).map(
    ([label, value]) => `<tr><th scope="row">${label}</th><td><b>${value}</b></td></tr>`,
  );
  return `<table class="ll-table"><caption>In numbers</caption><tbody>${lines.join('')}</tbody></table>`;
}

// ------------------------------------------------------------------------------------------------ the lab

class LiveGateLab extends LiveLab {
  constructor(root, data, start) {
    super(root, data);
    this.title = element('div', { class: 'lg-title' });
    this.course = element('div', { class: 'lg-course' });
    this.notes = element('div');
    this.about = element('p', { class: 'll-small' });
    this.equations = element('div');
    this.sum = element('div');
    this.outcome = element('div', { class: 'lg-outcome' });
    this.curve = element('div');
    this.memory = element('div');
    const cards = element(
      'div',
      { class: 'lg-cards' },
      card('other', 'Input', 'what the LSTM reads', this.picker('input')),
      card('lstm', 'LSTM', 'a cell and its unit', this.picker('cell'), this.unit(), this.about),
      card(
        'lstm',
        'Clamp',
        'gates of all units',
        element(
          'div',
          { class: 'lg-clamps' },
          ...['i', 'f', 'o'].map(gate => this.picker(gate)),
          this.release(),
        ),
      ),
    );
    const time = element(
      'div',
      { class: 'lg-time' },
      this.time(),
      this.value(),
      element(
        'p',
        { class: 'll-small' },
        'The value sets the input at this step; the sequence is then your own. Page keys go faster.',
      ),
    );
    const order = element(
      'p',
      { class: 'll-small' },
      'Keras keeps the weights of all four side by side, in the order i, f, c (here g), o.',
    );
    const sums = element(
      'div',
      { class: 'lg-sums' },
      element('div', { class: 'lg-gate' }, this.picker('gate'), order),
      this.equations,
      element('div', { class: 'lg-behind' }, this.sum, this.outcome, this.curve, this.memory),
    );
    const shown = element('div', { class: 'lg-shown' }, this.title, this.course, time, this.notes);
    const elsewhere = element(
      'p',
      { class: 'll-small' },
      'This lab computes in your browser. Open lesson 02 in JupyterLab (“make lab” in the folder of the ' +
        'course) to watch an LSTM that you have trained: that needs Keras.',
    );
    this.scrub();
    this.begin(start, this.course, element('div', { class: 'lg-screen' }, cards, shown, sums), elsewhere);
  }

  read(text) {
    return read(text, this.data);
  }

  write(state) {
    return written(state, this.data);
  }

  turn(state, name, value) {
    return turn(state, name, value, this.data);
  }

  time() {
    const made = this.slider('step', { most: state => sequenceOf(state, this.data).length });
    this.step = made.querySelector('input');
    return made;
  }

  value() {
    const value = state => sequenceOf(state, this.data)[state.step - 1];
    return this.slider('value', {
      label: 'Value here',
      least: -1,
      most: () => 1,
      step: 0.01,
      value,
      digits: 2,
    });
  }

  unit() {
    const made = this.slider('unit', { most: state => unitsOf(state.cell, this.data) });
    this.mirrors.push(state => {
      made.hidden = unitsOf(state.cell, this.data) === 1;
    });
    return made;
  }

  release() {
    const button = element('button', { type: 'button' }, 'All as computed');
    button.addEventListener('click', () =>
      this.change({ ...this.state, i: 'computed', f: 'computed', o: 'computed' }),
    );
    this.mirrors.push(({ i, f, o }) => {
      button.ariaDisabled = `${[i, f, o].every(gate => gate === 'computed')}`;
    });
    return button;
  }

  /** Let a press or a drag over the picture choose the step; arrow keys then go on from there. */
  scrub() {
    const pick = ({ clientX }) => {
      const { start, cell } = layout({ x: sequenceOf(this.state, this.data) }, this.wide);
      const along = clientX - this.course.getBoundingClientRect().left;
      const last = sequenceOf(this.state, this.data).length;
      this.turned('step', Math.min(Math.max(Math.floor((along - start) / cell) + 1, 1), last));
      this.step.focus({ preventScroll: true });
    };
    this.course.addEventListener('pointerdown', event => {
      if (event.button) return;
      event.preventDefault(); // which would take the focus from the slider
      this.course.setPointerCapture(event.pointerId);
      if (event.pointerType === 'mouse') pick(event); // a finger may be about to scroll
    });
    this.course.addEventListener('pointermove', event => {
      if (event.buttons & 1 && this.course.hasPointerCapture(event.pointerId)) pick(event);
    });
    this.course.addEventListener('pointerup', event => {
      if (!event.button) pick(event);
    });
  }

  show() {
    const seen = look(this.state, this.data);
    const free = '<span class="lg-free"><i></i> without your clamps</span>';
    put(
      this.title,
      `<b>${escaped(seen.cell)}${seen.unitWords} · ${escaped(seen.input)}</b>` +
        `<b>step ${seen.step + 1}</b>${seen.free ? free : ''}`,
    );
    drawPicture(this.course, coursePicture(seen, this.wide));
    put(this.notes, observed(whatIsSeen(seen), hints(seen)));
    put(this.equations, equations(seen));
    put(this.sum, sumTable(seen));
    put(this.outcome, outcome(seen));
    drawPicture(this.curve, curve(seen));
    put(this.memory, memory(seen));
    this.about.textContent = this.data.cells[this.state.cell].about;
    this.say(whatIsSeen(seen), outcome(seen));
  }
}

/**
 * Draw a live gate lab.
 * @param {HTMLElement} root what it is drawn into; what it holds is replaced
 * @param {object} given `state`, a state string to begin with (that of `data` if left out), and `data`, as
 *   `course_utils.labs.gates.live.export` gives it
 */
export function mount(root, { state, data }) {
  new LiveGateLab(root, data, state);
}
