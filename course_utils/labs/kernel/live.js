// The live kernel lab of the book: what a two-dimensional convolution computes, number by number.
// `live.py` exports its data; the words are those of the Python lab.

import {
  INK,
  LiveLab,
  Refusal,
  SOFT,
  card,
  counted,
  drawPicture,
  element,
  escaped,
  note,
  number,
  observed,
  path,
  put,
  readState,
  rect,
  rounded,
  sentences,
  write,
  writeState,
} from '../core/live.js';

const LARGEST = 9.99; // the largest number of a kernel
const BLUE = [0, 114, 178];
const VERMILLION = [213, 94, 0];
const ZEROS = 'var(--ll-zeros)';
const SIDE = 400; // how wide and tall the grids are at most
const ROOMY = 240; // pixels of a picture, below which rows and columns have no numbers

const range = length => Array.from({ length }, (_, i) => i);
const total = values => values.flat().reduce((sum, value) => sum + value, 0);

// ------------------------------------------------------------------------------------------------ mathematics

/**
 * How a window moves along one axis of an image; pixels and places of outputs are counted from 0.
 * @param {number} n pixels
 * @param {number} size numbers of the kernel
 * @param {object} how stride, padding ('valid' or 'same') and dilation
 * @returns {object} `span` in pixels, `length` (how many outputs; 0 when the kernel does not fit), `zeros`
 *   (padding before and after), `unseen` (pixels at the end that no window reaches), `first(place)` (the
 *   pixel under the first number of the kernel) and `taps(place)` (the pixels under all of them)
 */
export function axis(n, size, { stride = 1, padding = 'valid', dilation = 1 } = {}) {
  const span = dilation * (size - 1) + 1;
  const same = padding === 'same';
  const length = same ? Math.ceil(n / stride) : Math.max(Math.floor((n - span) / stride) + 1, 0);
  const added = same ? Math.max((length - 1) * stride + span - n, 0) : 0;
  const zeros = [Math.floor(added / 2), Math.ceil(added / 2)]; // as TensorFlow, which puts an odd one after
  const unseen = length ? n + added - (length - 1) * stride - span : 0;
  const first = place => place * stride - zeros[0];
  const taps = place => range(size).map(i => first(place) + dilation * i);
  return { n, size, stride, dilation, span, length, zeros, unseen, first, taps };
}

/**
 * What lies under a window.
 * @param {number[][]} image (rows, columns)
 * @param {object[]} axes of the rows and of the columns
 * @param {number[]} place row and column of the output, from 0
 * @returns {{patch: number[][], outside: boolean[][]}} both (size, size); the patch is 0 on padding
 */
export function under(image, axes, place) {
  const [rows, columns] = axes.map((one, i) => one.taps(place[i]));
  const outside = rows.map(r => columns.map(c => image[r]?.[c] === undefined));
  return { patch: rows.map(r => columns.map(c => image[r]?.[c] ?? 0)), outside };
}

/**
 * What `keras.layers.Conv2D` makes of one channel: the kernel is laid on the image, not flipped.
 * @param {number[][]} image (rows, columns)
 * @param {number[][]} kernel (size, size)
 * @param {object} how stride, padding, dilation, bias and relu
 * @returns {number[][]|null} the feature map; null where the kernel does not fit
 */
export function convolve(image, kernel, { bias = 0, relu = false, ...how } = {}) {
  const axes = [image.length, image[0].length].map(n => axis(n, kernel.length, how));
  if (axes.some(one => !one.length)) return null;
  const [rows, columns] = axes.map(one => range(one.length).map(one.taps));
  return rows.map(down =>
    columns.map(across => {
      let sum = bias;
      down.forEach((r, i) =>
        across.forEach((c, j) => {
          sum += kernel[i][j] * (image[r]?.[c] ?? 0);
        }),
      );
      return relu ? Math.max(sum, 0) : sum;
    }),
  );
}

// ------------------------------------------------------------------------------------------------ states

const square = values => range(5).map(i => values.slice(5 * i, 5 * i + 5));
const middle = (grid, size) =>
  grid.slice((5 - size) / 2, (5 + size) / 2).map(row => row.slice((5 - size) / 2, (5 + size) / 2));

/** A kernel (size, size) in the middle of a grid of 5 by 5. */
function inMiddle(grid, numbers) {
  const edge = (5 - numbers.length) / 2;
  return grid.map((row, i) => row.map((value, j) => numbers[i - edge]?.[j - edge] ?? value));
}

/** The kernel of a state (size, size). */
export function kernelOf(state, data) {
  if (state.kernel === 'own') return middle(square(state.own), state.size);
  return data.kernels[state.kernel][state.size];
}

/** Rows and columns of the image of a state, and how the window moves along them. */
export function axesOf(state, data) {
  const { pixels } = data.images[state.image];
  return [pixels.length, pixels[0].length].map(n => axis(n, state.size, state));
}

/** With the numbers of a learner's own kernel always 5 by 5, and the window where there is output. */
function settled(state, data) {
  if (state.kernel === 'own' && !state.own.length) {
    throw new Refusal("Kernel 'own' needs its numbers: add own= with 9 or 25 numbers.");
  }
  const own =
    state.own.length !== 9
      ? state.own
      : inMiddle(
          square(Array(25).fill(0)),
          range(3).map(i => state.own.slice(3 * i, 3 * i + 3)),
        ).flat();
  const [down, across] = axesOf(state, data).map(one => one.length || Infinity);
  return { ...state, own, row: Math.min(state.row, down), column: Math.min(state.column, across) };
}

/** The state of a string. @throws {Refusal} */
export function read(text, data) {
  return settled(readState(text, data), data);
}

/** A state as a string; of one's own kernel only the middle, where the rest is 0. */
export function written(state, data) {
  const inner = middle(square(state.own), 3).flat();
  const count = values => values.filter(Boolean).length;
  const own = count(inner) === count(state.own) && state.own.length ? inner : state.own;
  return writeState({ ...state, own }, data);
}

/** With these numbers (size, size) as a kernel of one's own. */
function edited(state, numbers) {
  const whole = state.kernel === 'own' ? square(state.own) : square(Array(25).fill(0));
  return {
    ...state,
    kernel: 'own',
    own: inMiddle(whole, numbers)
      .flat()
      .map(value => rounded(value)),
  };
}

/** What becomes of a state when a dial is turned. */
export function turn(state, name, value, data) {
  const fresh = name === 'kernel' && value === 'own' && !state.own.length;
  return settled(fresh ? edited(state, kernelOf(state, data)) : { ...state, [name]: value }, data);
}

/** What a state shows: its image, kernel and feature map, and the place that is looked at. */
export function look(state, data) {
  const { name, pixels } = data.images[state.image];
  const numbers = kernelOf(state, data);
  const axes = axesOf(state, data);
  const plain = convolve(pixels, numbers, state);
  const place = [state.row - 1, state.column - 1];
  const output =
    plain && state.activation === 'relu' ? plain.map(row => row.map(value => Math.max(value, 0))) : plain;
  const taps = axes.map((one, i) => one.taps(place[i]));
  const { patch, outside } = under(pixels, axes, place);
  const all = plain?.flat() ?? [];
  return {
    state,
    data,
    name,
    image: pixels,
    numbers,
    axes,
    plain,
    output,
    place,
    taps,
    patch,
    outside,
    onPadding: outside.flat().filter(Boolean).length,
    scale: Math.max(...all.map(Math.abs)) || 1,
    value: output?.[place[0]][place[1]],
    below: all.filter(value => value < 0).length,
  };
}

// ------------------------------------------------------------------------------------------------ words

const short = value => number(value).replace(/\.?0+$/, '');
const many = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;

function settings({ state, numbers, data }) {
  const { choices, words } = data.dials.find(dial => dial.name === 'kernel');
  const rows = numbers.map(row => row.map(short).join(' ')).join('; ');
  return (
    `Kernel ${words[choices.indexOf(state.kernel)]}: ${rows}. Bias ${short(state.bias)}, stride ${state.stride}, ` +
    `padding ${state.padding}, dilation ${state.dilation}, activation ${state.activation === 'relu' ? 'ReLU' : 'none'}.`
  );
}

/** What is under the window, for those who cannot see it. */
export function inputWords(seen) {
  const { state, axes, taps, onPadding } = seen;
  const { size } = state;
  const [rows, columns] = axes;
  const parts = [`Image ${seen.name}, ${rows.n} by ${columns.n} pixels`];
  if (state.padding === 'same') {
    parts.push(
      `a rim of zeros around it: ${rows.zeros[0]} above, ${rows.zeros[1]} below, ${columns.zeros[0]} left, ` +
        `${columns.zeros[1]} right`,
    );
  }
  const kernel = `${size} by ${size} kernel, stride ${state.stride}, dilation ${state.dilation}`;
  if (!seen.output) {
    parts.push(`the ${kernel}, has no place in it`);
  } else {
    const [down, across] = taps.map(at => `${at[0] + 1} to ${at.at(-1) + 1}`);
    const zeros = onPadding ? `, ${onPadding} of its ${size * size} numbers on padding` : '';
    const where = `stands on rows ${down} and columns ${across}${zeros}`.replaceAll('-', '−');
    parts.push(`the window of the ${kernel}, ${where}`);
  }
  return sentences(parts);
}

/** What the feature map holds, for those who cannot see it. */
export function outputWords(seen) {
  if (!seen.output) return `No feature map of image ${seen.name}: the kernel does not fit. ${settings(seen)}`;
  const all = seen.output.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)].map(value => number(value));
  return (
    `Feature map of image ${seen.name}, ${seen.output.length} by ${seen.output[0].length}, with values ` +
    `from ${low} to ${high}. ${valueWords(seen)} ${settings(seen)}`
  );
}

const valueWords = ({ state, value }) => `Row ${state.row}, column ${state.column} is ${number(value)}.`;

/** What the feature map shows. */
export function whatIsSeen(seen) {
  const { state, numbers, plain } = seen;
  const words = [
    seen.data.sees[state.kernel]
      .replace('{count}', state.size ** 2)
      .replace('{moved}', many(state.dilation, 'pixel'))
      .replace('{total}', number(total(numbers))),
  ];
  if (!numbers.flat().some(Boolean))
    words[0] = 'All numbers of the kernel are 0, so the image does not matter.';
  if (state.bias) words.push(`Then the bias adds ${number(state.bias)} everywhere.`);
  if (state.activation === 'relu') {
    words.push(
      `Then ReLU sets what is below 0 to 0: ${seen.below} of ${plain.length * plain[0].length} values.`,
    );
  }
  return words.join(' ');
}

/** What is worth knowing of these settings, the most surprising first. */
export function hints(seen) {
  const { state, axes, onPadding } = seen;
  const { size, stride, dilation } = state;
  const count = size ** 2;
  const found = [];
  if (stride > 1 && dilation > 1) {
    found.push(
      'Keras refuses a stride and a dilation above 1 in one Conv2D layer. The lab computes what it would give; ' +
        'in a network, use one of them.',
    );
  }
  if (onPadding) {
    found.push(
      `${onPadding} of the ${count} numbers lie on padding. It counts as 0, which is black: beside bright pixels ` +
        'that makes an edge which is not in the image.',
    );
  }
  const lost = ['row', 'column']
    .map((what, i) => axes[i].unseen && many(axes[i].unseen, what))
    .filter(Boolean);
  if (lost.length) {
    found.push(`The last ${lost.join(' and ')} of the image are never under the window: it steps past them.`);
  }
  if (dilation > 1) {
    const { span } = axes[0];
    found.push(
      `Dilation ${dilation} leaves gaps: the same ${count} numbers reach over ${span} by ${span} pixels ` +
        `in place of ${size} by ${size}.`,
    );
  }
  if (stride > 1)
    found.push(`Stride ${stride} moves the window ${stride} pixels at a time: fewer outputs, less work.`);
  if (state.kernel === 'mean')
    found.push(`Each number of this kernel is 1/${count}, shown as ${short(seen.numbers[0][0])}.`);
  return found;
}

/** Why there is no output, naming the axis. */
export function noFit({ state, axes }) {
  const few = ['rows', 'columns']
    .map((what, i) => axes[i].span > axes[i].n && `${axes[i].n} ${what}`)
    .filter(Boolean);
  const { span } = axes[0];
  return (
    `With dilation ${state.dilation} the ${state.size} by ${state.size} kernel reaches over ${span} by ${span} ` +
    `pixels, but the image has only ${few.join(' and ')}. Padding valid keeps the kernel inside the image, ` +
    'so there is no place for it.'
  );
}

// ------------------------------------------------------------------------------------------------ pictures

const grey = value => Array(3).fill(Math.trunc(value * 255));

/** A colour for a number: white at 0, vermillion at `scale` and blue at -`scale`. */
function tint(value, scale) {
  const share = Math.max(-1, Math.min(1, value / Math.max(scale, 1e-9)));
  const end = share < 0 ? BLUE : VERMILLION;
  return end.map(channel => Math.trunc(255 + Math.abs(share) * (channel - 255)));
}

/** Black or white, whichever is read better on a colour. */
function readable(colour) {
  const [r, g, b] = colour.map(channel => (channel / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#000' : '#fff';
}

/** Paint values (rows, columns) on a canvas, a pixel each, and lay it where the grid is. */
function paint(canvas, values, colour, { x, y, cell }) {
  const rows = values.length;
  const columns = values[0].length;
  const bytes = new ImageData(columns, rows);
  values.flat().forEach((value, at) => bytes.data.set([...colour(value), 255], 4 * at));
  Object.assign(canvas, { width: columns, height: rows });
  Object.assign(canvas.style, {
    left: `${x}px`,
    top: `${y}px`,
    width: `${columns * cell}px`,
    height: `${rows * cell}px`,
  });
  canvas.getContext('2d').putImageData(bytes, 0, 0);
}

/** The lines between pixels, where there is room for them. */
function borders(x, y, rows, columns, cell) {
  if (cell < 7) return '';
  const across = range(rows + 1).map(i => `M${x},${y + i * cell} h${columns * cell}`);
  const down = range(columns + 1).map(i => `M${x + i * cell},${y} v${rows * cell}`);
  return path([...across, ...down].join(' '), { line: '#808080', width: 0.7, more: 'stroke-opacity="0.45"' });
}

/** The zeros around an image at (x, y): the image lies below this picture, so they are drawn around it. */
function rim(x, y, [rows, columns], cell) {
  const [above, below, left, right] = [...rows.zeros, ...columns.zeros].map(zeros => zeros * cell);
  const wide = columns.n * cell;
  const tall = rows.n * cell;
  const outer = [x - left, y - above, left + wide + right, above + tall + below];
  const strips = [
    [x - left, y - above, outer[2], above],
    [x - left, y + tall, outer[2], below],
    [x - left, y, left, tall],
    [x + wide, y, right, tall],
  ];
  const lines = strips.flatMap(([from, top, w, h]) => [
    ...range(Math.round(h / cell)).map(i => `M${from},${top + i * cell} h${w}`),
    ...range(Math.round(w / cell)).map(i => `M${from + i * cell},${top} v${h}`),
  ]);
  return [
    ...strips.map(strip => rect(...strip, { fill: ZEROS })),
    cell < 7 ? '' : path(lines.join(' '), { line: '#808080', width: 0.7, more: 'stroke-dasharray="2 3"' }),
    rect(...outer, { line: INK, more: 'stroke-dasharray="5 4"' }),
  ];
}

/** Numbers of rows and columns, as many as there is room for. */
function ticks({ inset, top, cell }, x, y, rows, columns) {
  if (inset < 9) return [];
  const shown = count =>
    range(count)
      .map(i => i + 1)
      .filter(i => i === 1 || i % (cell >= 20 ? 1 : 5) === 0);
  const style = { fill: SOFT, size: 12 };
  return [
    ...shown(columns).map(i => write(x + (i - 0.5) * cell, top - 6, i, { anchor: 'middle', ...style })),
    ...shown(rows).map(i => write(inset - 5, y + (i - 0.5) * cell + 4.3, i, { anchor: 'end', ...style })),
  ];
}

/** A frame that is seen on dark and on light pixels. */
function outline(x, y, wide, tall, line, width) {
  return rect(x, y, wide, tall, { line: '#fff', width: 2 * width }) + rect(x, y, wide, tall, { line, width });
}

/** Where a grid of `most` numbers begins, and the pixels of each: whole ones, so that lines are sharp. */
function gridIn(room, most) {
  const [inset, top] = room < ROOMY ? [3, 3] : [24, 20];
  const wide = Math.min(room - inset - 3, SIDE);
  return { inset, top, wide, cell: Math.max(Math.floor(wide / most), 3) };
}

/** The image with its padding and the window on it, the values below that picture, and where they lie. */
function inputPicture(seen, room) {
  const [rows, columns] = seen.axes;
  const [tall, wide] = seen.axes.map(one => one.n + one.zeros[0] + one.zeros[1]);
  const grid = gridIn(room, Math.max(tall, wide));
  const { inset, top, cell } = grid;
  const x = inset + columns.zeros[0] * cell;
  const y = top + rows.zeros[0] * cell;
  const still = ticks(grid, x, y, rows.n, columns.n);
  const window = [];
  if (seen.state.padding === 'same') still.push(...rim(x, y, seen.axes, cell));
  still.push(borders(x, y, rows.n, columns.n, cell));
  if (seen.output) {
    const [down, right] = seen.axes.map((one, i) => one.first(seen.place[i]));
    const side = rows.span * cell;
    window.push(outline(x + right * cell, y + down * cell, side, side, '#0072B2', 2.4));
    if (seen.state.dilation > 1) {
      const tap = Math.min(Math.max(cell / 2, 3), 9);
      for (const i of seen.taps[0])
        for (const j of seen.taps[1]) {
          const at = [x + (j + 0.5) * cell - tap / 2, y + (i + 0.5) * cell - tap / 2];
          window.push(rect(...at, tap, tap, { fill: '#0072B2', line: '#fff' }));
        }
    }
  }
  const width = inset + wide * cell + 3;
  const height = top + tall * cell + 3;
  return {
    width,
    height,
    words: inputWords(seen),
    layers: [still, window],
    values: seen.image,
    colour: grey,
    x,
    y,
    cell,
  };
}

/** The feature map with the cell that is computed, the values below that picture, and where they lie. */
function outputPicture(seen, room) {
  const words = outputWords(seen);
  if (!seen.output) {
    const { inset, top, wide } = gridIn(room, 1);
    const tall = 90;
    const box = rect(inset, top, wide, tall, { fill: ZEROS, line: SOFT, more: 'stroke-dasharray="5 4"' });
    const lines = ['The kernel does not fit:', 'no output.'].map((line, i) =>
      write(inset + wide / 2, top + tall / 2 - 4 + 18 * i, line, { anchor: 'middle', size: 12 }),
    );
    return { width: inset + wide + 3, height: top + tall + 3, words, layers: [[box, ...lines], []] };
  }
  const rows = seen.output.length;
  const columns = seen.output[0].length;
  const grid = gridIn(room, Math.max(rows, columns));
  const { inset, top } = grid;
  const cell = (grid.cell = Math.min(grid.cell, 64));
  const colour = value => tint(value, seen.scale);
  const still = [...ticks(grid, inset, top, rows, columns), borders(inset, top, rows, columns, cell)];
  const numbers = seen.output.map(row => row.map(value => number(value)));
  if (Math.max(...numbers.flat().map(text => text.length)) * 7.4 <= cell) {
    numbers.forEach((row, i) =>
      row.forEach((text, j) => {
        const at = [inset + (j + 0.5) * cell, top + (i + 0.5) * cell + 4.6];
        still.push(write(...at, text, { anchor: 'middle', fill: readable(colour(seen.output[i][j])) }));
      }),
    );
  }
  const [row, column] = seen.place;
  const chosen = outline(inset + column * cell, top + row * cell, cell, cell, '#111', 2.2);
  const width = inset + columns * cell + 3;
  const height = top + rows * cell + 3;
  return {
    width,
    height,
    words,
    layers: [still, [chosen]],
    values: seen.output,
    colour,
    x: inset,
    y: top,
    cell,
  };
}

function inputLegend(seen) {
  const keys = [];
  if (seen.output) keys.push('<span><i class="lk-window"></i> window</span>');
  if (seen.output && seen.state.dilation > 1) keys.push('<span><i class="lk-tap"></i> its numbers</span>');
  if (seen.state.padding === 'same') keys.push('<span><i class="lk-rim"></i> zeros</span>');
  return `${keys.join('')}<span>0 <i class="lk-greys"></i> 1</span>`;
}

function outputLegend(seen) {
  if (!seen.output) return '';
  const most = number(seen.scale);
  return (
    '<span><i class="lk-computed"></i> computed below</span>' +
    `<span>−${most} <i class="lk-colours"></i> ${most}<span class="ll-sr">, white is 0</span></span>`
  );
}

// ------------------------------------------------------------------------------------------------ sum and costs

/** A small table of numbers, coloured like the pictures. */
function numberTable(caption, values, colour, outside) {
  const cells = values.map((row, i) =>
    row.map((value, j) => {
      if (outside?.[i][j]) return '<td class="lk-zero"><span class="ll-sr">padding </span>0</td>';
      const shade = colour(value);
      return `<td style="background:rgb(${shade});color:${readable(shade)}">${number(value)}</td>`;
    }),
  );
  const lines = cells.map(row => `<tr>${row.join('')}</tr>`).join('');
  return `<table class="lk-grid"><caption>${caption}</caption>${lines}</table>`;
}

/** Patch times kernel, summed up: HTML. */
function arithmetic(seen) {
  if (!seen.output)
    return '<p class="lk-sum">Nothing to compute: the kernel does not fit into the image.</p>';
  const { state, patch, numbers } = seen;
  const products = patch.map((row, i) => row.map((value, j) => value * numbers[i][j]));
  const sum = total(products);
  const plain = number(sum + state.bias);
  const sign = state.bias < 0 ? '−' : '+';
  const tinted = values => {
    const scale = Math.max(...values.flat().map(Math.abs));
    return value => tint(value, scale);
  };
  const steps = [
    `sum of the products <b>${number(sum)}</b>`,
    `${number(sum)} ${sign} ${number(Math.abs(state.bias))} (bias) = <b>${plain}</b>`,
  ];
  if (state.activation === 'relu')
    steps.push(`ReLU: the larger of 0 and ${plain} = <b>${number(seen.value)}</b>`);
  const dashed = seen.onPadding ? 'Dashed: padding. ' : '';
  return (
    `<div class="ll-head">Output row ${state.row}, column ${state.column} ` +
    `<small>${dashed}Shown to two digits, computed with all.</small></div>` +
    `<div class="lk-row">${numberTable('pixels', patch, grey, seen.outside)}` +
    `<div><i>×</i>${numberTable('kernel', numbers, tinted(numbers))}</div>` +
    `<div><i>=</i>${numberTable('products', products, tinted(products))}</div>` +
    `<div class="lk-sum">${steps.map(step => `<p>${step}</p>`).join('')}</div></div>`
  );
}

/** Size of the output, work and weights, beside those of a dense layer: HTML. */
function costs(seen) {
  const [rows, columns] = seen.axes;
  const outputs = rows.length * columns.length;
  const formula = (what, { n, zeros, dilation, size, stride, length }) =>
    `<div>${what}: <span class="lk-formula">⌊(${n} + ${zeros[0] + zeros[1]} − ${dilation}·(${size} − 1) − 1) ` +
    `/ ${stride}⌋ + 1 = <b>${length}</b></span></div>`;
  const sizes =
    rows.n === columns.n
      ? formula('rows and columns', rows)
      : formula('rows', rows) + formula('columns', columns);
  const weights = seen.state.size ** 2;
  const dense = rows.n * columns.n * outputs;
  const lines = [
    ['output shape', outputs ? `${rows.length} × ${columns.length} × 1` : 'none', counted(outputs)],
    ['multiplications', counted(weights * outputs), counted(dense)],
    ['weights', counted(weights), counted(dense)],
    ['biases', '1', counted(outputs)],
    ['parameters', counted(weights + 1), counted(dense + outputs)],
  ];
  const body = lines.map(
    ([what, ours, theirs]) => `<tr><th scope="row">${what}</th><td>${ours}</td><td>${theirs}</td></tr>`,
  );
  return (
    `<div><div class="ll-head">Output size</div><div>⌊(n + p − d·(k − 1) − 1) / s⌋ + 1</div>${sizes}` +
    '<p class="ll-small">n pixels, p padding, d dilation, k kernel size, s stride; ⌊ ⌋ rounds down. The dense ' +
    'layer leads from every pixel to every output.</p></div>' +
    '<table class="ll-table"><caption>In numbers</caption><thead><tr><td></td><th scope="col">convolution</th>' +
    `<th scope="col">dense layer</th></tr></thead><tbody>${body.join('')}</tbody></table>`
  );
}

// ------------------------------------------------------------------------------------------------ the lab

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** A picture that is pointed at: a canvas for its pixels, and above it an SVG for all else. */
class Chart {
  /** `picked(row, column)` is told the pixel under the pointer, and `moved(rows, columns)` of arrow keys. */
  constructor(label, picked, moved) {
    this.caption = element('figcaption', { class: 'll-head' });
    this.canvas = element('canvas', { 'aria-hidden': 'true' });
    this.svg = element('div');
    this.map = element(
      'div',
      { class: 'lk-map', tabindex: 0, role: 'application', 'aria-label': label },
      this.canvas,
      this.svg,
    );
    this.legend = element('div', { class: 'lk-legend' });
    this.figure = element('figure', { class: 'lk-figure' }, this.caption, this.map, this.legend);
    const pick = event => {
      if (this.canvas.hidden) return;
      const box = this.canvas.getBoundingClientRect();
      const at = (from, length, count) => Math.floor((from / length) * count);
      picked(
        at(event.clientY - box.top, box.height, this.canvas.height),
        at(event.clientX - box.left, box.width, this.canvas.width),
      );
    };
    this.map.addEventListener('pointerdown', event => {
      if (event.button) return;
      this.map.setPointerCapture(event.pointerId);
      if (event.pointerType === 'mouse') pick(event); // a finger may be about to scroll
    });
    this.map.addEventListener('pointermove', event => {
      if (event.buttons & 1 && this.map.hasPointerCapture(event.pointerId)) pick(event);
    });
    this.map.addEventListener('pointerup', event => {
      if (!event.button) pick(event);
    });
    this.map.addEventListener('keydown', event => {
      if (!ARROWS[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      moved(...ARROWS[event.key]);
    });
  }

  draw(drawn, caption, legend) {
    put(this.caption, escaped(caption));
    drawPicture(this.svg, drawn);
    put(this.legend, legend);
    this.canvas.hidden = !drawn.values;
    if (drawn.values) paint(this.canvas, drawn.values, drawn.colour, drawn);
  }
}

class LiveKernelLab extends LiveLab {
  constructor(root, data, start) {
    super(root, data);
    const moved = (down, right) => this.goTo(this.state.row + down, this.state.column + right);
    this.input = new Chart(
      'The image. Arrow keys move the window.',
      (row, column) => this.centreOn(row, column),
      moved,
    );
    this.output = new Chart(
      'The feature map. Arrow keys choose the output that is computed below.',
      (row, column) => this.goTo(row + 1, column + 1),
      moved,
    );
    this.notes = element('div');
    this.sum = element('div', { class: 'lk-arithmetic' });
    this.costs = element('div', { class: 'lk-costs' });
    const cards = element(
      'div',
      { class: 'lk-cards' },
      card(
        'other',
        'Image',
        'and the window',
        this.picker('image'),
        this.place('row', 0),
        this.place('column', 1),
      ),
      card(
        'cnn',
        'Kernel',
        `numbers from −${LARGEST} to ${LARGEST}`,
        this.picker('kernel'),
        this.fields(),
        this.bias(),
        this.picker('activation'),
      ),
      card(
        'cnn',
        'Convolution',
        'how the window moves',
        element(
          'div',
          { class: 'lk-layer' },
          ...['size', 'stride', 'padding', 'dilation'].map(name => this.picker(name)),
        ),
      ),
    );
    const charts = element('div', { class: 'lk-charts' }, this.input.figure, this.output.figure);
    const seen = element('div', { class: 'lk-seen' }, charts, this.notes, this.sum);
    const elsewhere = element(
      'p',
      { class: 'll-small' },
      'This lab computes in your browser. Open lesson 01 in JupyterLab (“make lab” in the folder of the ' +
        'course) to give it images of your own: that needs Python.',
    );
    this.begin(
      start,
      this.output.figure,
      element('div', { class: 'lk-screen' }, cards, seen, this.costs),
      elsewhere,
    );
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

  place(name, i) {
    return this.slider(name, { most: state => axesOf(state, this.data)[i].length || state[name] });
  }

  bias() {
    return this.row(
      'Bias',
      this.field(
        LARGEST,
        state => state.bias,
        value => this.turned('bias', rounded(value)),
      ),
    );
  }

  /** A field for each number of the kernel, of which those of 5 by 5 are hidden where it is 3 by 3. */
  fields() {
    const fields = range(25).map(at =>
      this.field(
        LARGEST,
        state => {
          const value = kernelOf(state, this.data).flat()[at];
          return value === undefined ? '' : rounded(value);
        },
        value => {
          const numbers = kernelOf(this.state, this.data).map(row => row.map(one => rounded(one)));
          numbers[Math.floor(at / this.state.size)][at % this.state.size] = value;
          this.change(edited(this.state, numbers));
        },
      ),
    );
    const all = element('div', { class: 'lk-fields' }, ...fields);
    this.mirrors.push(({ size }) => {
      all.style.setProperty('--size', size);
      fields.forEach((field, at) => {
        field.hidden = at >= size ** 2;
        field.setAttribute('aria-label', `Kernel row ${Math.floor(at / size) + 1} column ${(at % size) + 1}`);
      });
    });
    return all;
  }

  /** Compute another output, if there is one there; otherwise the nearest. */
  goTo(row, column) {
    const [down, across] = axesOf(this.state, this.data).map(one => one.length);
    if (!down || !across) return;
    const within = (value, most) => Math.min(Math.max(value, 1), most);
    this.change({ ...this.state, row: within(row, down), column: within(column, across) });
  }

  /** Move the window so that its middle is as near to a pixel of the image as it can be. */
  centreOn(...pixel) {
    const places = axesOf(this.state, this.data).map(
      ({ stride, zeros, span }, i) => Math.round((pixel[i] + zeros[0] - (span - 1) / 2) / stride) + 1,
    );
    this.goTo(...places);
  }

  show() {
    const seen = look(this.state, this.data);
    const { axes, output } = seen;
    const size = `${axes[0].n} × ${axes[1].n}`;
    const mapped = output ? `feature map, ${output.length} × ${output[0].length}` : 'none';
    this.input.draw(inputPicture(seen, this.wide), `Input: ${seen.name}, ${size}`, inputLegend(seen));
    this.output.draw(outputPicture(seen, this.wide), `Output: ${mapped}`, outputLegend(seen));
    put(this.sum, arithmetic(seen));
    put(this.costs, costs(seen));
    if (output) {
      put(this.notes, observed(whatIsSeen(seen), hints(seen)));
      this.say(valueWords(seen), whatIsSeen(seen));
    } else {
      put(this.notes, note('✕ Does not fit.', noFit(seen), 'll-broken'));
      const help = element('button', { type: 'button' }, 'Use padding same');
      help.addEventListener('click', () => {
        this.turned('padding', 'same');
        this.input.map.focus();
      });
      if (!this.notes.querySelector('button')) this.notes.firstChild.append(help);
      this.say('No feature map.', noFit(seen));
    }
  }
}

/**
 * Draw a live kernel lab.
 * @param {HTMLElement} root what it is drawn into; what it holds is replaced
 * @param {object} given `state`, a state string to begin with (that of `data` if left out), and `data`, as
 *   `course_utils.labs.kernel.live.export` gives it
 */
export function mount(root, { state, data }) {
  new LiveKernelLab(root, data, state);
}
