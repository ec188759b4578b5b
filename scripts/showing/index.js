// Who there is, and small things that every other part uses.
const index = JSON.parse(document.getElementById('index').textContent);
const NS = 'http://www.w3.org/2000/svg';

const make = (name, words = {}, ...children) => {
  const one = document.createElement(name);
  for (const [word, value] of Object.entries(words)) {
    if (word in one && typeof value !== 'string') one[word] = value;
    else if (value !== null) one.setAttribute(word, value);
  }
  one.append(...children);
  return one;
};

const drawn = (name, words = {}, ...children) => {
  const one = document.createElementNS(NS, name);
  for (const [word, value] of Object.entries(words)) one.setAttribute(word, value);
  one.append(...children);
  return one;
};

const listed = (names, numbers) => numbers.map(at => names[at]).join(', ');
const labelsOf = one => listed(index.labels, index.label[one]) || 'no label';
const statusOf = one => listed(index.statuses, index.status[one]);
const count = number => number.toLocaleString('en');

// Of each row of the run: number of a person on this page -> his place in the row's columns.
for (const row of index.rows) row.place = new Map(row.of.map((one, at) => [one, at]));
