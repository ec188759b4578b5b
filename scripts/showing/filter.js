// Whom the filters leave, in which order. All of it stands in the address after #, so that a link leads there.
const EMPTY = { find: '', split: '', label: '', status: '', row: '', answer: '', class: '', order: '', from: '0', person: '' };
const state = { ...EMPTY };
let people = [];
let answering = null;

const ORDERS = {
  '': 'as in the dataset',
  sure: 'most confident first',
  unsure: 'least confident first',
  off: 'worst mistakes first',
  classes: 'worst mistakes, class by class',
};

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const word of Object.keys(EMPTY)) state[word] = given.get(word) ?? EMPTY[word];
  answering = index.rows.find(row => row.name === state.row) || null;
}

function hash(changes = {}) {
  const kept = Object.entries({ ...state, ...changes }).filter(([word, value]) => value !== EMPTY[word]);
  return `#${new URLSearchParams(kept)}`;
}

const answer = one => answering?.place.get(one);
const same = (a, b) => a.length === b.length && a.every((value, at) => value === b[at]);
const right = at => same(answering.true[at], answering.said[at]);
const confidence = one => answering
  ? (answer(one) === undefined ? -1 : answering.sure[answer(one)])
  : (index.confidence[one] ?? -1);
// How far the worst wrong class is from the truth, of one class where one is asked for; -1 without a mistake.
function mistake(one, only = state.class) {
  const wrong = answering.off[answer(one)] || [];
  return Math.max(-1, ...wrong.filter(([at]) => !only || answering.classes[at] === only).map(([, size]) => size));
}

function choose() {
  const text = state.find.toLowerCase();
  const number = (names, word) => word ? names.indexOf(word) : null;
  const split = number(index.splits, state.split), label = number(index.labels, state.label);
  const status = number(index.statuses, state.status), from = Number(state.from);
  people = [];
  for (let one = 0; one < index.keys.length; one++) {
    if (split !== null && index.split[one] !== split) continue;
    if (label !== null && !index.label[one].includes(label)) continue;
    if (status !== null && !index.status[one].includes(status)) continue;
    if (text && !index.keys[one].toLowerCase().includes(text)) continue;
    if (from > 0 && confidence(one) < from) continue;
    if (answering && !answers(one)) continue;
    people.push(one);
  }
  sort();
}

function answers(one) {
  const at = answer(one);
  if (at === undefined) return !state.answer && !state.class;
  if (state.answer && right(at) !== (state.answer === 'right')) return false;
  const wanted = answering.classes.indexOf(state.class);
  return !state.class || answering.true[at].includes(wanted) || answering.said[at].includes(wanted);
}

function sort() {
  const by = value => people.sort((a, b) => value(b) - value(a) || a - b);
  if (state.order === 'sure') by(confidence);
  if (state.order === 'unsure') by(one => confidence(one) < 0 ? -1000 : -confidence(one));
  if (!answering) return;
  if (state.order === 'off') by(one => mistake(one));
  if (state.order === 'classes') {
    const first = one => answering.true[answer(one)]?.[0] ?? 1e6;
    people.sort((a, b) => first(a) - first(b) || mistake(b) - mistake(a) || a - b);
  }
}

const select = (word, title, pairs) => {
  const one = make('select', { 'data-word': word }, ...pairs.map(([value, text]) => make('option', { value }, text)));
  one.onchange = () => change({ [word]: one.value });
  return make('label', { class: 'word' }, make('span', {}, title), one);
};
const every = names => [['', 'all'], ...names.map(name => [name, name])];

function used(names, column) {
  const there = new Set(column.flat());
  return names.filter((_, at) => there.has(at));
}

function controls() {
  const find = make('input', { type: 'search', 'data-word': 'find', placeholder: 'part of a key' });
  find.oninput = () => change({ find: find.value });
  const from = make('input', { type: 'range', min: '0', max: '100', step: '5', 'data-word': 'from' });
  from.oninput = () => change({ from: from.value });
  const told = row => row.untrained.length ? `${row.name} (UNTRAINED: ${row.untrained.join(', ')})` : row.name;
  const found = [
    make('label', { class: 'word' }, make('span', {}, 'find'), find),
    select('split', 'split', every(used(index.splits, index.split))),
    select('label', 'label', every(used(index.labels, index.label))),
    select('status', 'status', every(index.statuses)),
  ];
  if (index.rows.length) {
    found.push(
      select('row', 'row of the run', [['', 'none'], ...index.rows.map(row => [row.name, told(row)])]),
      select('answer', 'answer', [['', 'all'], ['right', 'right'], ['wrong', 'mistakes']]),
      select('class', 'true or said', []),
    );
  }
  if (index.rows.length || index.confidence.length) {
    const orders = Object.entries(ORDERS).slice(0, index.rows.length ? 5 : 3);
    found.push(select('order', 'order', orders));
    found.push(make('label', { class: 'word' }, make('span', { id: 'from' }), from));
  }
  return found;
}

function absent() {
  return state.person && !index.keys.includes(state.person) ? ` ${state.person} is not on this page.` : '';
}

function showControls() {
  const classes = document.querySelector('[data-word=class]');
  if (classes && classes.dataset.row !== state.row) {
    classes.replaceChildren(...every(answering ? answering.classes : []).map(([value, text]) =>
      make('option', { value }, text)));
    classes.dataset.row = state.row;
  }
  document.querySelectorAll('[data-word]').forEach(one => {
    if (one.value !== state[one.dataset.word]) one.value = state[one.dataset.word];
    if (['answer', 'class'].includes(one.dataset.word)) one.disabled = !answering;
    if (one.dataset.word === 'order') [...one.options].slice(3).forEach(option => { option.disabled = !answering; });
  });
  const from = document.getElementById('from');
  if (from) from.textContent = `${answering ? "row's" : "face's"} confidence from ${state.from} %`;
  const strange = state.row && !answering ? ` This page has no row ${state.row}: make gallery again.` : '';
  document.getElementById('count').textContent =
    `${count(people.length)} of ${count(index.keys.length)} people.${strange}${absent()}`;
}
