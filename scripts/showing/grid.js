// The cards: of thousands of people only those in sight are in the document.
const grid = document.getElementById('people');
const GAP = 12, LINE = 19;
const cards = new Map();
const byKey = new Map(index.keys.map((key, one) => [key, one]));
let columns = 1, wide = 0, high = 0, focused = 0;

function measure() {
  const room = grid.clientWidth, least = room < 500 ? 150 : 230;
  columns = Math.max(1, Math.floor((room + GAP) / (least + GAP)));
  wide = (room - GAP * (columns - 1)) / columns;
  high = Math.round(wide * 0.75) + LINE * (answering ? 4 : 3) + 18 + GAP;
  grid.style.height = `${Math.ceil(people.length / columns) * high}px`;
}

function words(one) {
  const status = statusOf(one), at = answer(one);
  const lines = [make('span', { class: 'labels' }, labelsOf(one)), make('span', { class: 'key' }, index.keys[one])];
  if (at !== undefined) {
    const row = answering, ok = right(at), sure = `${row.sure[at]} %`;
    lines.unshift(make('span', { class: ok ? 'right' : 'wrong' },
      `${ok ? 'right' : 'wrong'}: ${listed(row.classes, row.said[at]) || 'none'} ${sure}`));
    lines[1] = make('span', { class: 'labels' }, `true: ${listed(row.classes, row.true[at]) || 'none'}`);
  }
  if (status !== 'ok') lines.push(make('span', { class: 'status' }, status));
  return lines;
}

function card(position) {
  const one = people[position];
  const frame = make('div', { class: 'frame', 'data-of': String(one) }, picture(one));
  const button = make('button', { class: 'card', type: 'button', 'data-person': String(one), tabindex: '-1' },
    frame, ...words(one));
  button.onclick = () => change({ person: index.keys[one] });
  withPerson(one, told => frame.replaceChildren(picture(one, told)));
  return make('div', { role: 'listitem', class: 'cell', 'aria-posinset': String(position + 1),
    'aria-setsize': String(people.length) }, button);
}

function render() {
  const top = window.scrollY - (grid.getBoundingClientRect().top + window.scrollY);
  const first = Math.max(0, Math.floor(top / high) - 1), last = Math.ceil((top + window.innerHeight) / high) + 1;
  const wanted = new Set();
  for (let at = first * columns; at < Math.min(people.length, last * columns); at++) wanted.add(at);
  if (focused < people.length && document.activeElement?.closest('.cell') === cards.get(focused)) wanted.add(focused);
  for (const [at, one] of cards) if (!wanted.has(at)) { one.remove(); cards.delete(at); }
  for (const at of wanted) {
    if (!cards.has(at)) { cards.set(at, card(at)); grid.append(cards.get(at)); }
    Object.assign(cards.get(at).style, { width: `${wide}px`, height: `${high - GAP}px`,
      transform: `translate(${(at % columns) * (wide + GAP)}px, ${Math.floor(at / columns) * high}px)` });
  }
  focused = Math.min(focused, Math.max(0, people.length - 1));
  if (!cards.has(focused)) focused = Math.min(...cards.keys(), focused);
  for (const [at, one] of cards) one.firstChild.tabIndex = at === focused ? 0 : -1;
}

function redraw() {
  cards.forEach(one => one.remove());
  cards.clear();
  measure();
  render();
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; render(); });
}

// changes: of the filters, or who is open; a person opened is a step that the browser's own Back undoes.
function change(changes) {
  history[changes.person ? 'pushState' : 'replaceState'](null, '', hash(changes));
  update();
}

function update() {
  const before = { ...state };
  read();
  const changed = Object.keys(EMPTY).some(word => word !== 'person' && before[word] !== state[word]);
  if (changed || !cards.size) {
    choose();
    showControls();
    focused = 0;
    if (changed && window.scrollY > grid.offsetTop) window.scrollTo(0, grid.offsetTop - 8);
    redraw();
  }
  const one = byKey.get(state.person);
  if (one !== undefined) showPerson(one);
  else if (dialog.open) dialog.close();
}

function focusAt(position) {
  focused = Math.max(0, Math.min(people.length - 1, position));
  const top = grid.offsetTop + Math.floor(focused / columns) * high;
  const bar = document.getElementById('bar').offsetHeight;
  if (top < window.scrollY + bar) window.scrollTo(0, top - bar - GAP);
  if (top + high > window.scrollY + window.innerHeight) window.scrollTo(0, top + high - window.innerHeight);
  render();
  if (!cards.has(focused)) return;
  cards.forEach((one, at) => { one.firstChild.tabIndex = at === focused ? 0 : -1; });
  cards.get(focused).firstChild.focus({ preventScroll: true });
}

const focusOn = one => { if (people.includes(one)) focusAt(people.indexOf(one)); };

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches('input[type=search], select, input[type=range]');
  if (!typing && event.key === '/') {
    event.preventDefault();
    document.querySelector('#bar details').open = true;
    document.querySelector('[data-word=find]').focus();
  } else if (!typing && /^[1-9]$/.test(event.key) && index.layers[event.key - 1]) {
    toggle(index.layers[event.key - 1]);
    layersChanged();
  } else if (dialog.open) {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') go(event.key === 'ArrowLeft' ? -1 : 1);
  } else if (event.target.closest('#people')) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -1e9, End: 1e9 };
    if (steps[event.key]) { event.preventDefault(); focusAt(focused + steps[event.key]); }
  }
});

function layersChanged() {
  document.querySelectorAll('[data-of]').forEach(frame => {
    const one = Number(frame.dataset.of);
    withPerson(one, told => frame.replaceChildren(picture(one, told, frame.classList.contains('large'))));
  });
}

document.getElementById('bar').append(
  make('details', { open: window.innerWidth > 700 }, make('summary', {}, 'Filter and order'),
    make('div', { class: 'words' }, ...controls()), layerBoxes(layersChanged)),
  make('p', { id: 'count', role: 'status' }));
addEventListener('scroll', soon, { passive: true });
addEventListener('resize', redraw);
addEventListener('popstate', update);
addEventListener('hashchange', update);
update();
