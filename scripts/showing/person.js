// One person at large, with all that is told of him.
const dialog = document.getElementById('person');
let current = null;

const pair = (name, value) => make('div', {}, make('dt', {}, name), make('dd', {}, value));
const heading = (text, ...children) => make('section', {}, make('h2', {}, text), ...children);

function link(one, told) {
  const href = hash({ person: index.keys[one] });
  const small = make('span', { class: 'thumb', 'data-of': String(one) });
  withPerson(one, person => small.replaceChildren(picture(one, person)));
  return make('a', { class: 'other', href, title: index.keys[one] }, small,
    make('span', {}, `${told}: ${labelsOf(one)}`));
}

// numbers: [person, per cent]; somebody who is not on this page is his key.
const others = numbers => make('div', { class: 'others' }, ...numbers.map(([one, likeness]) =>
  typeof one === 'number' ? link(one, `${likeness} %`) : make('span', { class: 'other' }, `${likeness} %: ${one}`)));

function legend(map) {
  return make('ul', { class: 'legend' }, ...map.classes.map(([at, share]) => make('li', {},
    make('i', { class: 'swatch', style: `background:${index.colours[at]}` }),
    `${index.classes[at]} ${(100 * share).toFixed(1)} %`)));
}

function answersOf(one, told) {
  return index.rows.filter(row => row.place.has(one)).map(row => {
    const at = row.place.get(one), ok = same(row.true[at], row.said[at]), more = told.answers?.[row.name] || {};
    const marks = row.untrained.length ? [make('strong', { class: 'untrained' }, 'UNTRAINED'), ' '] : [];
    const bars = (more.shares || []).map(([name, share]) => make('li', { style: `--p:${share}%` },
      `${row.classes[name]} ${share} %`));
    return make('div', { class: 'answer' }, make('h3', {}, row.name),
      make('p', {}, ...marks, make('b', { class: ok ? 'right' : 'wrong' }, ok ? 'right' : 'wrong'),
        `: says ${listed(row.classes, row.said[at]) || 'none'}; true is ${listed(row.classes, row.true[at]) || 'none'}`),
      make('ul', { class: 'shares' }, ...bars),
      ...(more.dimensions ? [make('p', {}, more.dimensions.map(([name, value]) => `${name} ${value}`).join(', '))] : []),
      ...(more.support ? [make('p', {}, 'Nearest of the samples that people are compared with, by cosine of embeddings'), others(more.support)] : []));
  });
}

function body(one, told) {
  const reason = index.pictures[index.picture[one]][2];
  if (!told) return [make('p', { class: 'warning' }, 'What is told of this person lies in a file that is not beside this page.')];
  const facts = [['split', index.splits[index.split[one]]], ['status', statusOf(one)], ...(told.facts || [])];
  const found = [
    make('div', { class: 'large', 'data-of': String(one) }, picture(one, told, true)),
    ...(reason ? [] : [layerBoxes(layersChanged)]),
    ...(told.segmentation ? [heading('Segmentation, share of the image', legend(told.segmentation))] : []),
    make('dl', {}, ...facts.map(([name, value]) => pair(name, value))),
    ...(told.words ? [heading('Seen by networks', make('dl', {}, ...told.words.map(([name, text]) => pair(name, text))))] : []),
    ...(told.ledger ? [heading('Ledger', make('ul', {}, ...told.ledger.map(([feature, status, text]) =>
      make('li', {}, `${feature || 'annotation'}: ${status}${text ? `: ${text}` : ''}`))))] : []),
  ];
  const said = answersOf(one, told);
  if (said.length) found.push(heading('What rows of the run say', make('div', { class: 'answers' }, ...said)));
  for (const [word, numbers] of Object.entries(told.near || {})) {
    found.push(heading(`Nearest in ${word}, by cosine`, others(numbers)));
  }
  return found;
}

function showPerson(one) {
  current = one;
  const at = people.indexOf(one), top = dialog.scrollTop, again = dialog.dataset.key === index.keys[one];
  const step = (by, text) => {
    const to = people[at + by];
    const button = make('button', { type: 'button', class: 'step', 'aria-label': text, disabled: at < 0 || to === undefined },
      by < 0 ? '\u2190' : '\u2192');
    button.onclick = () => go(by);
    return button;
  };
  const close = make('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '\u00d7');
  close.onclick = () => dialog.close();
  withPerson(one, told => {
    if (current !== one) return;
    dialog.replaceChildren(make('header', {}, make('h2', {}, index.keys[one]), step(-1, 'Previous'), step(1, 'Next'), close),
      ...body(one, told));
    dialog.dataset.key = index.keys[one];
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = again ? top : 0;
  });
}

function go(by) {
  const to = people[people.indexOf(current) + by];
  if (to !== undefined && people.includes(current)) change({ person: index.keys[to] });
}

dialog.onclose = () => {
  const one = current;
  current = null;
  dialog.replaceChildren();
  if (state.person) change({ person: '' });
  if (one !== null) focusOn(one);
};
dialog.onclick = event => { if (event.target === dialog) dialog.close(); };

let touched = null;
dialog.addEventListener('touchstart', event => {
  touched = event.touches.length === 1 ? [event.touches[0].clientX, event.touches[0].clientY] : null;
}, { passive: true });
dialog.addEventListener('touchend', event => {
  if (!touched) return;
  const x = event.changedTouches[0].clientX - touched[0], y = event.changedTouches[0].clientY - touched[1];
  if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) go(x < 0 ? 1 : -1);
  touched = null;
}, { passive: true });
