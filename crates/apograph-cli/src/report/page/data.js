// The data, and how its values are told. Text is put into the page as text alone.

const D = JSON.parse(document.getElementById('data').textContent);
const COUNT = D.file.length;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const time = (ms) => (ms === null ? 'unknown' : new Date(ms).toISOString());
const plural = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;
const grouped = (count) => count.toLocaleString('en');

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit + 1 < UNITS.length) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

// How long before the report, in the largest unit.
function ago(ms) {
  if (ms === null || D.now === null) return '';
  const seconds = Math.floor((D.now - ms) / 1000);
  if (seconds < 0) return 'lies ahead';
  if (seconds < 60) return `${plural(seconds, 'second')} ago`;
  if (seconds < 3600) return `${plural(Math.floor(seconds / 60), 'minute')} ago`;
  if (seconds < 86400) return `${plural(Math.floor(seconds / 3600), 'hour')} ago`;
  return `${plural(Math.floor(seconds / 86400), 'day')} ago`;
}

function kind(index) {
  const captures = D.kind[index];
  if (captures === 0) return 'full backup';
  return captures === 1 ? 'increment' : `increment, merged of ${grouped(captures)}`;
}

function verified(index) {
  if (D.verified[index] === null) return 'never';
  return time(D.verified[index]);
}

function restore(index) {
  return D.target[index] === '' ? null : `${D.restore} ${D.target[index]}`;
}

// What a filter looks through.
function words(index) {
  const proof = D.verified[index] === null ? 'unverified' : `verified ${verified(index)}`;
  const parts = [D.file[index], kind(index), D.points[index], time(D.captured[index]), proof, D.state[index]];
  return parts.concat(pinsAt.get(index) ?? []).join(' ').toLowerCase();
}

// What is in front of a segment, and what is pinned at it.
const gapsAt = new Map();
for (const [index, what, text] of D.gaps) {
  if (!gapsAt.has(index)) gapsAt.set(index, []);
  gapsAt.get(index).push({ what, text });
}
const pinsAt = new Map();
for (const [index, name] of D.pins) {
  if (!pinsAt.has(index)) pinsAt.set(index, []);
  pinsAt.get(index).push(name);
}
const branchedFrom = new Map(D.branches);

// An element with a class and text or children.
function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

document.getElementById('moment').textContent = D.now === null ? '' : `of ${time(D.now)}`;
