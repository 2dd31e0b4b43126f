// Two pens with one hand: what is drawn into an SVG is drawn onto a canvas alike.

const SVG = 'http://www.w3.org/2000/svg';

function svgElement(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

class SvgPen {
  constructor(parent) {
    this.parent = parent;
  }

  // The same, within a group that has a name.
  group(attributes) {
    return new SvgPen(svgElement('g', attributes, this.parent));
  }

  rect(x, y, w, h, { fill = 'none', stroke = 'none', dash = '' }) {
    const paint = { fill: ink(fill), stroke: ink(stroke), 'stroke-width': 1.5, 'stroke-dasharray': dash };
    svgElement('rect', { x, y, width: w, height: h, rx: 1, ...paint }, this.parent);
  }

  path(d, { stroke, dash = '', wide = 1.5, fill = 'none' }) {
    const paint = { fill: ink(fill), stroke: ink(stroke), 'stroke-width': wide, 'stroke-dasharray': dash };
    svgElement('path', { d, ...paint }, this.parent);
  }

  text(x, y, text, { lane = false, end = false }) {
    const attributes = { x, y, 'text-anchor': end ? 'end' : 'start' };
    if (lane) attributes.class = 'lane';
    svgElement('text', attributes, this.parent).textContent = text;
  }
}

class CanvasPen {
  constructor(context) {
    this.context = context;
  }

  group() {
    return this;
  }

  stroke(path, stroke, dash, wide) {
    if (stroke === 'none') return;
    this.context.strokeStyle = ink(stroke);
    this.context.lineWidth = wide;
    this.context.setLineDash(dash === '' ? [] : dash.split(' ').map(Number));
    this.context.stroke(path);
  }

  rect(x, y, w, h, { fill = 'none', stroke = 'none', dash = '' }) {
    if (fill !== 'none') {
      this.context.fillStyle = ink(fill);
      this.context.fillRect(x, y, w, h);
    }
    const path = new Path2D();
    path.rect(x, y, w, h);
    this.stroke(path, stroke, dash, 1.5);
  }

  path(d, { stroke, dash = '', wide = 1.5, fill = 'none' }) {
    const path = new Path2D(d);
    if (fill !== 'none') {
      this.context.fillStyle = ink(fill);
      this.context.fill(path);
    }
    this.stroke(path, stroke, dash, wide);
  }

  text(x, y, text, { lane = false, end = false }) {
    const family = getComputedStyle(document.documentElement).getPropertyValue(lane ? '--mono' : '--sans');
    this.context.font = `${lane ? 13 : 11}px ${family}`;
    this.context.fillStyle = ink(lane ? 'ink' : 'soft');
    this.context.textAlign = end ? 'right' : 'left';
    this.context.fillText(text, x, y);
  }
}

// The colours of the style, which are others in the dark.
let inks = {};
function readInks() {
  inks = {};
  const probe = document.body.appendChild(element('i', ''));
  for (const name of ['paper', 'ink', 'soft', 'line', 'mark', 'wash', 'alarm', 'pin']) {
    probe.style.color = `var(--${name})`;
    inks[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}
const ink = (name) => (name === 'none' ? 'none' : inks[name]);

// Whether what is drawn has to be drawn again, in other colours.
const isDark = matchMedia('(prefers-color-scheme: dark)');
