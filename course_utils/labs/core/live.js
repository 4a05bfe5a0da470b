// What the live labs of the book share: numbers as they are read, state strings, parts of pictures, and the
// frame around a lab. A live lab computes in the page; nothing here needs a kernel, a server or a package.

// ------------------------------------------------------------------------------------------------ numbers

/** A number not below 0 to so many digits, halves to the even one, as Python writes it. */
function fixed(value, digits) {
  if (Math.abs(value * 2 ** (digits + 1)) % 2 !== 1) return value.toFixed(digits);
  const down = Math.floor(value * 10 ** digits); // a half, exactly, which toFixed rounds up
  return ((down + (down % 2)) / 10 ** digits).toFixed(digits);
}

/** Rounded as Python does it, and never a zero below zero. */
export function rounded(value, digits = 2) {
  return Math.sign(value) * Number(fixed(Math.abs(value), digits)) + 0;
}

/** A number as it is read: with a real minus, never a zero below zero, and `plus` before all others. */
export function number(value, digits = 2, plus = '') {
  const text = fixed(Math.abs(value), digits);
  return (value < 0 && Number(text) ? '−' : plus) + text;
}

export const signed = value => number(value, 2, '+');

/** With commas between the thousands. */
export const counted = value => `${value}`.replace(/\B(?=(\d{3})+$)/g, ',');

/** Parts as sentences, each with a capital letter and a full stop. */
export const sentences = parts => `${parts.map(capital).join('. ')}.`;

const capital = text => text.slice(0, 1).toUpperCase() + text.slice(1);

// ------------------------------------------------------------------------------------------------ states

/** What is told of a string that stands for no state. */
export class Refusal extends Error {}

/** Values as words: numbers that follow each other by their ends, a long list by its beginning. */
function listed(values) {
  const [first, last] = [values[0], values.at(-1)];
  if (values.length > 3 && values.every((value, i) => value === first + i)) return `${first} to ${last}`;
  if (values.length > 30) return `${values.slice(0, 10).join(', ')} ... or ${last} (${values.length} in all)`;
  return values.length > 1 ? `${values.slice(0, -1).join(', ')} or ${last}` : `${last}`;
}

/** A string as Python shows it: in quotes, and without its middle where it is long. */
function quoted(text) {
  const quote = part => {
    const mark = part.includes("'") && !part.includes('"') ? '"' : "'";
    return mark + part.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark;
  };
  if (quote(text).length <= 30) return quote(text);
  const short = quote(text.slice(0, 13) + text.slice(-14));
  return `${short.slice(0, 13)}...${short.slice(-14)}`;
}

const floating = value => (Number.isInteger(value) ? `${value}.0` : `${value}`);

const WHOLE = /^[+-]?\d+(_\d+)*$/;
const REAL = /^[+-]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/i;
const DIALS = {
  // kind -> how a value is read from a string, and written
  choice: {
    read(dial, text) {
      const numbers = typeof dial.choices[0] === 'number';
      const token = text.trim();
      const value = numbers && WHOLE.test(token) ? Number(token.replaceAll('_', '')) : text;
      if (dial.choices.includes(value)) return value;
      const allowed =
        dial.choices.length > 1
          ? `it can be ${listed(dial.choices)}`
          : `here it can only be ${dial.choices[0]}`;
      throw new Refusal(
        `${dial.label.toLowerCase()} cannot be ${typeof value === 'number' ? value : quoted(value)}: ${allowed}`,
      );
    },
    write: (dial, value) => `${value}`,
  },
  real: {
    read(dial, text) {
      const token = text.replaceAll('−', '-').trim();
      const value = REAL.test(token) ? Number(token.replaceAll('_', '')) : NaN;
      if (value >= dial.low && value <= dial.high) return rounded(value);
      const found = Number.isNaN(value) ? quoted(token) : floating(value);
      const allowed = `it can be ${dial.low} to ${dial.high}`.replaceAll('-', '−');
      throw new Refusal(`${dial.label.toLowerCase()} cannot be ${found}: ${allowed}`);
    },
    write: (dial, value) => `${value}`,
  },
  several: {
    read(dial, text) {
      const values = text ? text.split(',').map(part => DIALS.real.read(dial.number, part)) : [];
      if (dial.counts.includes(values.length)) return values;
      const allowed = listed(dial.counts.filter(Boolean));
      throw new Refusal(`${dial.label.toLowerCase()} has ${values.length} numbers: it can have ${allowed}`);
    },
    write: (dial, values) => values.join(','),
  },
};

function unquoted(text, name) {
  try {
    return text.replaceAll('+', ' ').replace(/(%[0-9a-f]{2})+/gi, decodeURIComponent);
  } catch {
    throw new Refusal(`${name} cannot be ${quoted(text)}: copy the whole line anew`);
  }
}

const escapes = { '%2C': ',', '%20': '+', '!': '%21', "'": '%27', '(': '%28', ')': '%29', '*': '%2A' };
const asInForms = text => encodeURIComponent(text).replace(/%2C|%20|[!'()*]/g, found => escapes[found]);

/**
 * Read a state string, as the Python lab does.
 * @param {string} text such as "gat1;cell=latch;step=3"
 * @param {object} data of the lab: `version` and `dials`
 * @returns {object} the value of every dial by its name
 * @throws {Refusal} with a sentence for the learner
 */
export function readState(text, data) {
  const [version, ...parts] = text.replace(/\s/g, '').split(';');
  if (version !== data.version) {
    throw new Refusal(
      `A state of this lab begins with '${data.version};', not with ${quoted(version)}. ` +
        'Copy the whole line from the other lab.',
    );
  }
  const state = Object.fromEntries(data.dials.map(dial => [dial.name, dial.default]));
  for (const part of parts.filter(Boolean)) {
    const [name] = part.split('=', 1);
    const dial = data.dials.find(one => one.name === name);
    if (!dial || name === part) {
      const known = data.dials.map(one => one.name).join(', ');
      throw new Refusal(`${quoted(part)} is not understood: the parts are ${known}.`);
    }
    try {
      state[name] = DIALS[dial.kind].read(dial, unquoted(part.slice(name.length + 1), name));
    } catch (problem) {
      if (problem instanceof Refusal) problem.message = `${capital(problem.message)}.`;
      throw problem;
    }
  }
  return state;
}

/**
 * Write a state as a string: what is always spelled, and what differs from the defaults.
 * @param {object} state the value of every dial by its name
 * @param {object} data of the lab: `version`, `dials` and `spelled`
 * @returns {string}
 */
export function writeState(state, data) {
  const told = data.dials.filter(
    ({ name, default: usual }) => data.spelled.includes(name) || `${state[name]}` !== `${usual}`,
  );
  const parts = told.map(dial => `${dial.name}=${asInForms(DIALS[dial.kind].write(dial, state[dial.name]))}`);
  return [data.version, ...parts].join(';');
}

// ------------------------------------------------------------------------------------------------ pictures

export const INK = 'var(--ll-ink)';
export const SOFT = 'var(--ll-soft)';
export const LINE = 'var(--ll-line)';
export const CARD = 'var(--ll-card)';

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text that can stand in HTML. */
export const escaped = text => `${text}`.replace(/[&<>"]/g, found => ESCAPES[found]);

/** Words in a picture, with `more` markup after them. */
export function write(
  x,
  y,
  words,
  { anchor = 'start', fill = INK, weight = 400, size = 13, more = '' } = {},
) {
  return (
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}" ` +
    `font-weight="${weight}" style="fill:${fill}">${escaped(words)}${more}</text>`
  );
}

export function rect(x, y, wide, tall, { fill = 'none', line = 'none', width = 1, more = '' } = {}) {
  return (
    `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${wide.toFixed(1)}" height="${tall.toFixed(1)}" ` +
    `style="fill:${fill};stroke:${line};stroke-width:${width}" ${more}/>`
  );
}

export function path(d, { line = SOFT, width = 1.2, fill = 'none', more = '' } = {}) {
  return `<path d="${d}" style="fill:${fill};stroke:${line};stroke-width:${width}" ${more}/>`;
}

/**
 * Draw a picture into an element, with what it says in words for those who cannot see it.
 * @param {HTMLElement} holder that holds nothing else
 * @param {object} drawn `width`, `height`, `words` and `layers`: lists of parts. A layer that stays as it was
 *   costs nothing.
 */
export function drawPicture(holder, { width, height, words, layers }) {
  const svg = holder.firstChild ?? holder.appendChild(svgElement('svg', { role: 'img' }));
  const size = { width: width.toFixed(0), height: height.toFixed(0) };
  for (const [name, value] of Object.entries({
    ...size,
    viewBox: `0 0 ${size.width} ${size.height}`,
    'aria-label': words,
  })) {
    if (svg.getAttribute(name) !== value) svg.setAttribute(name, value);
  }
  layers.forEach((parts, i) =>
    put(svg.children[i] ?? svg.appendChild(svgElement('g')), parts.flat().join('')),
  );
}

function svgElement(name, attributes = {}) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** A sentence for the learner, after a symbol and a word, so that colour never says it alone. */
export function note(title, words, kind = '') {
  return `<div class="ll-note ${kind}"><b>${title}</b> ${escaped(words)}</div>`;
}

/** What there is to see, and the first two of the hints about it. */
export function observed(sentence, hints) {
  return (
    note('● What you see.', sentence) +
    hints
      .slice(0, 2)
      .map(hint => note('● Worth knowing.', hint))
      .join('')
  );
}

/** Set what an element holds, if it is something new. */
export function put(node, markup) {
  if (node.markup !== markup) node.innerHTML = node.markup = markup;
}

// ------------------------------------------------------------------------------------------------ the frame

const UNDO = 500; // steps that can be undone
let ids = 0;
const newId = () => `live-${(ids += 1)}`; // labels need one

/** An element with attributes and children. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** A titled card of controls; `kind` is 'cnn', 'lstm' or 'other' and gives the colour. */
export function card(kind, title, remark, ...children) {
  const head = element('div', { class: 'll-head', id: newId() }, `${title} `, element('small', {}, remark));
  return element(
    'div',
    { class: `ll-card ll-${kind}`, role: 'group', 'aria-labelledby': head.id },
    head,
    ...children,
  );
}

/**
 * The frame of a live lab: dials that follow its state, the state as a line, undo, redo, and the way back.
 *
 * A lab extends it with `read(text)`, `write(state)`, `turn(state, name, value)` and `show()`.
 */
export class LiveLab {
  /**
   * @param {HTMLElement} root what the lab is drawn into; what it holds is replaced
   * @param {object} data as Python's `export` gives it
   */
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.past = [];
    this.future = [];
    this.mirrors = []; // functions that let a control show the state
    root.classList.add('live-lab');
    this.told = element('div', { 'aria-live': 'polite' });
  }

  /** Lay out the children, begin with the state `text`, and draw again when the part `sized` changes its width. */
  begin(text, sized, ...children) {
    this.root.replaceChildren(...children, this.shareRow(), this.told);
    this.state = this.first = this.read(this.data.start);
    this.wide = sized.clientWidth; // kept, as asking for it lays the page out
    this.draw();
    if (text) this.pasted(text);
    this.first = this.state;
    this.past = [];
    this.undo.ariaDisabled = 'true';
    new ResizeObserver(() => {
      if (!sized.clientWidth || sized.clientWidth === this.wide) return; // none: it is hidden
      this.wide = sized.clientWidth;
      this.show();
    }).observe(sized);
  }

  /** Go to another state, which can be undone. */
  change(state) {
    if (this.write(state) !== this.write(this.state)) {
      this.past = [...this.past, this.state].slice(-UNDO);
      this.future = [];
      this.state = state;
    }
    this.draw();
  }

  draw() {
    this.mirrors.forEach(mirror => mirror(this.state));
    this.line.value = this.write(this.state);
    this.message.replaceChildren();
    this.line.removeAttribute('aria-invalid');
    this.undo.ariaDisabled = `${!this.past.length}`;
    this.redo.ariaDisabled = `${!this.future.length}`;
    this.show();
  }

  /** Let screen readers say these sentences, as far as they are new. */
  say(...words) {
    words.forEach((said, i) => {
      const line = this.told.children[i] ?? this.told.appendChild(element('p', { class: 'll-sr' }));
      if (line.textContent !== said) line.textContent = said;
    });
  }

  dial(name) {
    return this.data.dials.find(dial => dial.name === name);
  }

  turned(name, value) {
    this.change(this.turn(this.state, name, value));
  }

  /** A labelled row with a control. */
  row(label, control, ...more) {
    control.id = newId();
    return element(
      'div',
      { class: 'll-row' },
      element('label', { for: control.id }, label),
      control,
      ...more,
    );
  }

  /** A list of the choices of a dial. */
  picker(name) {
    const { label, choices, words } = this.dial(name);
    const control = element('select', {}, ...words.map(word => element('option', {}, word)));
    control.addEventListener('change', () => this.turned(name, choices[control.selectedIndex]));
    this.mirrors.push(state => {
      control.selectedIndex = choices.indexOf(state[name]);
    });
    return this.row(label, control);
  }

  /** A slider over the numbers from `least` to `most(state)`, which shows `value(state)`. */
  slider(
    name,
    { label = this.dial(name).label, least = 1, most, step = 1, value = state => state[name], digits = 0 },
  ) {
    const control = element('input', { type: 'range', min: least, step });
    const shown = element('output');
    control.addEventListener('input', () => this.turned(name, control.valueAsNumber));
    this.mirrors.push(state => {
      control.max = most(state);
      control.disabled = most(state) <= least;
      control.valueAsNumber = value(state);
      shown.textContent = number(value(state), digits);
      control.setAttribute('aria-valuetext', shown.textContent);
    });
    return this.row(label, control, shown);
  }

  /**
   * A field for a number between -`most` and `most`. What is typed counts at once; the field itself is put
   * right when it is left.
   */
  field(most, value, typed) {
    const control = element('input', { type: 'number', step: 0.5, inputmode: 'decimal' });
    const mirror = state => {
      if (document.activeElement !== control) control.value = value(state);
    };
    control.addEventListener('input', () => {
      if (Number.isFinite(control.valueAsNumber))
        typed(Math.min(Math.max(control.valueAsNumber, -most), most));
    });
    control.addEventListener('change', () => {
      control.value = value(this.state);
    });
    this.mirrors.push(mirror);
    return control;
  }

  shareRow() {
    const button = (words, pressed) => {
      const control = element('button', { type: 'button' }, words);
      control.addEventListener('click', () => {
        if (control.ariaDisabled !== 'true') pressed();
      });
      return control;
    };
    this.line = element('input', {
      type: 'text',
      spellcheck: 'false',
      autocomplete: 'off',
      autocapitalize: 'off',
    });
    this.line.id = newId();
    this.message = element('div', { role: 'status', id: newId() });
    this.line.setAttribute('aria-describedby', this.message.id);
    this.line.addEventListener('change', () => this.pasted(this.line.value));
    const copied = element('span', { class: 'll-copied', role: 'status' });
    this.undo = button('Undo', () => this.travel(this.past, this.future));
    this.redo = button('Redo', () => this.travel(this.future, this.past));
    const row = element(
      'div',
      { class: 'll-share' },
      element('label', { for: this.line.id }, 'State'),
      this.line,
      button('Copy', () => this.copy(copied)),
      copied,
      this.undo,
      this.redo,
      button('Back to the start', () => this.change(this.first)),
    );
    return element('div', {}, row, this.message);
  }

  travel(from, to) {
    to.push(this.state);
    this.state = from.pop();
    this.draw();
  }

  /** Go to the state of a string, or say why it is none. */
  pasted(text) {
    let state;
    try {
      state = this.read(text);
    } catch (problem) {
      this.refuse(text, problem);
      return;
    }
    this.change(state);
  }

  refuse(text, problem) {
    if (!(problem instanceof Refusal)) throw problem;
    this.line.value = text;
    this.line.setAttribute('aria-invalid', 'true');
    this.message.innerHTML = note(
      '✕ Not a state.',
      `${problem.message} The lab stays as it was.`,
      'll-broken',
    );
  }

  async copy(copied) {
    const text = this.write(this.state);
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // without a secure address the browser gives no clipboard
      const focused = document.activeElement;
      this.line.value = text;
      this.line.select();
      done = document.execCommand('copy');
      focused?.focus();
    }
    copied.textContent = done ? 'Copied' : 'Not copied: the browser forbids it';
    setTimeout(() => {
      copied.textContent = '';
    }, 2000);
  }
}
