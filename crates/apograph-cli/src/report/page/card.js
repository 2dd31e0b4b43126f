// What is known of a segment, beside it.

const card = document.getElementById('card');
let shown = null;

function fill(index) {
  const list = element('dl', '');
  const put = (label, value, className = '') => {
    if (value === null || value === '') return;
    list.append(element('dt', '', label), element('dd', className, value));
  };
  put('Is', kind(index));
  put('Points', D.points[index]);
  put('Captured', `${time(D.captured[index])} (${ago(D.captured[index])})`);
  const committed = D.committed[index];
  if (committed !== null) put('Committed', `${time(committed[0])} to ${time(committed[1])}`);
  if (D.commits[index] !== null) {
    const records = D.records[index] === null ? '' : `, ${plural(D.records[index], 'record')}`;
    put('Holds', plural(D.commits[index], 'commit') + records);
  }
  const stored = D.stored[index] === D.bytes[index] ? '' : `, stored in ${size(D.stored[index])}`;
  put('Size', size(D.bytes[index]) + stored);
  put('CRC-32', D.checksum[index]);
  const frames = D.frames[index];
  const deep = frames === null ? '' : frames === D.verified[index] ? ', frame by frame' : `, frame by frame ${time(frames)}`;
  put('Verified', D.verified[index] === null ? 'never' : `${verified(index)} (${ago(D.verified[index])})${deep}`);
  put('State', D.state[index], 'bad');
  for (const name of pinsAt.get(index) ?? []) put('Pinned', name);
  const content = [element('h3', '', D.file[index]), list];
  for (const gap of gapsAt.get(index) ?? []) content.push(element('p', '', gap.text));
  const command = restore(index);
  if (command === null) {
    content.push(element('p', '', 'The state at its end has no name, or cannot be restored.'));
  } else {
    const code = element('code', '', `${D.restore} `, element('span', 'whole', D.target[index]));
    const copy = element('button', '', 'Copy');
    copy.type = 'button';
    copy.tabIndex = -1;
    copy.addEventListener('click', () => take(command, code, copy));
    content.push(element('div', 'command', code, copy));
  }
  card.replaceChildren(...content);
}

async function take(command, code, button) {
  try {
    await navigator.clipboard.writeText(command);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code);
  }
}

// Shows a segment beside a box of the window.
function showCard(index, box) {
  if (shown !== index) fill(index);
  shown = index;
  card.hidden = false;
  card.style.left = '';
  card.style.top = '';
  if (innerWidth <= 480) return;
  const { width: w, height: h } = card.getBoundingClientRect();
  const below = box.bottom + 10;
  const top = below + h > innerHeight - 8 ? box.top - h - 10 : below;
  card.style.top = `${Math.max(8, Math.min(top, innerHeight - h - 8))}px`;
  card.style.left = `${Math.max(8, Math.min(box.left, document.documentElement.clientWidth - w - 8))}px`;
}

function hideCard() {
  card.hidden = true;
  shown = null;
}

addEventListener('keydown', (event) => {
  if (event.key === 'Escape') hideCard();
});
