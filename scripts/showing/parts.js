// People in parts: inside the page, or script files beside it that are read when somebody of them is looked at.
const KEPT = 40;
const parts = new Map();
const waiting = new Map();
const lost = new Set();
const padded = number => String(number).padStart(5, '0');

const person = one => parts.get(Math.floor(one / index.size))?.[one % index.size];

function keep(number, part) {
  parts.delete(number);
  parts.set(number, part);
  if (parts.size > KEPT) parts.delete(parts.keys().next().value);
}

// What is told of a person, now or as soon as his part is read; null where its file is not there.
function withPerson(one, use) {
  const number = Math.floor(one / index.size);
  if (!parts.has(number) && !index.files) {
    keep(number, JSON.parse(document.getElementById(`people-${padded(number)}`).textContent));
  }
  if (parts.has(number)) {
    keep(number, parts.get(number));
    use(person(one));
  } else if (lost.has(number)) {
    use(null);
  } else if (waiting.has(number)) {
    waiting.get(number).push([one, use]);
  } else {
    waiting.set(number, [[one, use]]);
    ask(number);
  }
}

function ask(number) {
  const script = make('script', { src: `${index.files}/people-${padded(number)}.js` });
  const told = () => {
    script.remove();
    const all = waiting.get(number) || [];
    waiting.delete(number);
    if (!parts.has(number)) lost.add(number);
    all.forEach(([one, use]) => use(person(one) || null));
  };
  script.onload = script.onerror = told;
  document.head.append(script);
}

// Each file of people calls this.
window.took = keep;

function address(picture) {
  if (index.files) return `${index.files}/picture-${padded(picture)}.jpg`;
  return `data:image/jpeg;base64,${document.getElementById(`picture-${padded(picture)}`).textContent}`;
}
