// The table, of which what is in sight is in the page.

const table = document.getElementById('table');
const COLUMNS = [
  ['file', 'Segment', ''],
  ['points', 'Points', ''],
  ['commits', 'Commits', 'number'],
  ['bytes', 'Size', 'number'],
  ['captured', 'Captured', ''],
  ['verified', 'Verified', ''],
  ['state', 'State', ''],
];
// So few rows are all there: they can be found and printed.
const ALL_MOST = 1000;
const head = element('div', 'head');
const rows = element('div', 'rows');
rows.setAttribute('role', 'rowgroup');
let matching = null;
let selected = null;
const texts = [];

const matches = () => (matching === null ? COUNT : matching.length);
const segmentAt = (place) => (matching === null ? place : matching[place]);

function cell(name, className, text) {
  const made = element('span', `${name} ${className}`, text);
  made.setAttribute('role', 'cell');
  return made;
}

function rowFor(place, height) {
  const index = segmentAt(place);
  const row = element('div', '');
  const values = {
    file: D.file[index],
    points: D.points[index],
    commits: D.commits[index] === null ? '' : String(D.commits[index]),
    bytes: size(D.bytes[index]),
    captured: time(D.captured[index]),
    verified: verified(index),
    state: D.state[index],
  };
  for (const [name, , className] of COLUMNS) {
    const special = name === 'verified' && D.verified[index] === null ? 'never' : name === 'state' ? 'bad' : '';
    row.append(cell(name, `${className} ${special}`, values[name]));
  }
  row.setAttribute('role', 'row');
  row.setAttribute('aria-rowindex', place + 2);
  row.setAttribute('aria-selected', String(index === selected));
  row.id = `r${index}`;
  row.style.top = `${place * height}px`;
  return row;
}

function rowHeight() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return rem * parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));
}

function drawTable() {
  const height = rowHeight();
  const count = matches();
  rows.style.height = `${count * height}px`;
  let from = 0;
  let to = count;
  if (count > ALL_MOST) {
    from = Math.max(0, Math.floor(table.scrollTop / height) - 10);
    to = Math.min(count, Math.ceil((table.scrollTop + table.clientHeight) / height) + 10);
  }
  const made = [];
  for (let place = from; place < to; place += 1) made.push(rowFor(place, height));
  rows.replaceChildren(...made);
  table.setAttribute('aria-rowcount', count + 1);
}

function filter(text) {
  const wanted = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (wanted.length === 0) {
    matching = null;
  } else {
    matching = [];
    for (let index = 0; index < COUNT; index += 1) {
      texts[index] ??= words(index);
      if (wanted.every((word) => hasWord(texts[index], word))) matching.push(index);
    }
  }
  const all = plural(COUNT, 'segment').replace(String(COUNT), grouped(COUNT));
  document.getElementById('count').textContent = matching === null ? all : `${grouped(matching.length)} of ${all}`;
  table.scrollTop = 0;
  drawTable();
}

// That something begins with a word: `verified` is not in `unverified`.
function hasWord(text, word) {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (at === 0 || !/[a-z0-9]/.test(text[at - 1])) return true;
  }
  return false;
}

function select(place) {
  const height = rowHeight();
  const headHeight = head.offsetHeight;
  selected = segmentAt(place);
  const y = place * height;
  if (y < table.scrollTop) table.scrollTop = y;
  if (y + height + headHeight > table.scrollTop + table.clientHeight) table.scrollTop = y + height + headHeight - table.clientHeight;
  drawTable();
  table.setAttribute('aria-activedescendant', `r${selected}`);
  mark(selected);
  const row = document.getElementById(`r${selected}`);
  if (row !== null) showCard(selected, row.getBoundingClientRect());
}

function placeOfSelected() {
  if (selected === null) return -1;
  return matching === null ? selected : matching.indexOf(selected);
}

head.setAttribute('role', 'row');
for (const [name, title, className] of COLUMNS) {
  const made = element('span', `${name} ${className}`, title);
  made.setAttribute('role', 'columnheader');
  head.append(made);
}
table.append(head, rows);

if (COUNT > 0) {
  table.addEventListener('scroll', () => {
    if (matches() > ALL_MOST) requestAnimationFrame(drawTable);
  });
  table.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(table.clientHeight / rowHeight()) - 2);
    const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || matches() === 0) return;
    event.preventDefault();
    select(Math.max(0, Math.min(matches() - 1, placeOfSelected() + by)));
  });
  rows.addEventListener('click', (event) => {
    const row = event.target.closest('[role="row"]');
    if (row === null) return;
    pinned = true;
    select(Number(row.getAttribute('aria-rowindex')) - 2);
  });
  table.addEventListener('blur', () => {
    if (!pinned) hideCard();
  });
}

const input = document.getElementById('filter');
let waiting = null;
input.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => filter(input.value), 60);
});
input.form.addEventListener('submit', (event) => event.preventDefault());
filter('');

function drawAll() {
  hideCard();
  if (COUNT > 0) drawPicture();
  else readInks();
  drawLegend();
  drawCharts();
  drawTable();
}

let across = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === across) return;
  across = innerWidth;
  requestAnimationFrame(drawAll);
});
isDark.addEventListener('change', drawAll);
