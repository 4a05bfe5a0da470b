// The self-test of a lesson's page: finds <script class="selftest">, which holds the questions as JSON, and
// puts them in the place of the folded ones. What was answered stays in this browser.

const SIGNS = { right: '✓ Right.', wrong: '✗ Not right.' }; // a sign and a word: colour alone tells nothing

const kept = {
  name: lesson => `selftest ${lesson}`,
  read(lesson) {
    try {
      return JSON.parse(localStorage.getItem(this.name(lesson)));
    } catch {
      return null; // storage is switched off, or holds something else
    }
  },
  write(lesson, tries) {
    try {
      localStorage.setItem(this.name(lesson), JSON.stringify(tries));
    } catch {
      // then it lasts as long as the page
    }
  },
  remove(lesson) {
    try {
      localStorage.removeItem(this.name(lesson));
    } catch {
      // there is nothing to remove
    }
  },
};

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function marked(name, attributes, html) {
  const made = element(name, attributes);
  made.innerHTML = html; // made and escaped by selftest.py
  return made;
}

// Key of each question -> the choices that were checked, in order. Anything may be stored: only what fits is taken.
function triesOf(questions, stored) {
  const fits = ({ key, choices }) => [stored?.[key]].flat().filter(n => Number.isInteger(n) && choices[n]);
  return Object.fromEntries(questions.map(question => [question.key, fits(question)]));
}

// A question that was answered stays right while one reads what is said of the other choices.
function counted(questions, tries) {
  const rights = questions.map(({ key, choices }) => tries[key].map(number => choices[number].right));
  const right = rights.filter(each => each.includes(true)).length;
  const first = rights.filter(each => each[0]).length;
  const open = rights.filter(each => !each.length).length;
  return `${right} of ${questions.length} right`
    + (right ? `, ${first} at the first try.` : '.')
    + (open && open < questions.length ? ` Not answered yet: ${open}.` : '');
}

// The form of one question, and a function that empties it. `last` is the choice that was checked before.
function view({ ask, choices }, id, title, last, onCheck) {
  // It is there before it says something: a region that comes with its words is not read aloud.
  const told = element('p', { class: 'selftest-told', role: 'status' });
  const radios = choices.map((_, number) => element('input', { type: 'radio', name: id, value: number }));
  const form = element(
    'form',
    { class: 'selftest-question', autocomplete: 'off' },
    element(
      'fieldset',
      { 'aria-labelledby': `${id}-title ${id}-ask` },
      element('legend', { id: `${id}-title` }, title),
      marked('div', { id: `${id}-ask`, class: 'selftest-ask' }, ask),
      ...choices.map(({ say }, number) => element('label', {}, radios[number], marked('span', {}, say))),
      element('button', { type: 'submit', 'aria-describedby': `${id}-title` }, 'Check'),
      told,
    ),
  );

  function hide() {
    form.dataset.state = '';
    told.replaceChildren();
  }

  function show(number) {
    const { right, why } = choices[number];
    form.dataset.state = right ? 'right' : 'wrong';
    told.replaceChildren(element('strong', {}, SIGNS[form.dataset.state]), ' ', marked('span', {}, why));
  }

  form.addEventListener('change', hide); // what was told belongs to the choice before
  form.addEventListener('submit', event => {
    event.preventDefault();
    const number = radios.findIndex(radio => radio.checked);
    if (number < 0) {
      told.replaceChildren('Choose an answer first.');
    } else {
      show(number);
      onCheck(number);
    }
  });
  if (last !== undefined) {
    radios[last].checked = true;
    show(last);
  }
  return [form, () => (form.reset(), hide())];
}

function selftest({ lesson, questions }, id) {
  let tries = triesOf(questions, kept.read(lesson));
  const count = element('p', { class: 'selftest-count', role: 'status' }, counted(questions, tries));
  const clear = element('button', { type: 'button' }, 'Clear my answers');
  const views = questions.map((question, number) => {
    const title = `Question ${number + 1} of ${questions.length}`;
    const last = tries[question.key].at(-1);
    return view(question, `${id}-${number + 1}`, title, last, choice => {
      if (tries[question.key].at(-1) !== choice) tries[question.key].push(choice);
      kept.write(lesson, tries);
      count.textContent = counted(questions, tries);
    });
  });
  clear.addEventListener('click', () => {
    kept.remove(lesson);
    tries = triesOf(questions, null);
    for (const [, empty] of views) empty();
    count.textContent = `Cleared. ${counted(questions, tries)}`;
  });
  const forms = views.map(([form]) => form);
  const end = element('div', { class: 'selftest-end' }, count, clear);
  return element('section', { class: 'selftest-open', 'aria-label': 'Self-test' }, ...forms, end);
}

document.querySelectorAll('script.selftest').forEach((script, number) => {
  const open = selftest(JSON.parse(script.textContent), `selftest-${number + 1}`);
  script.parentElement.querySelector('.selftest-folded')?.remove();
  script.after(open);
});
