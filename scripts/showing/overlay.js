// A photograph with what the pipeline saw laid over it.
const shown = new Set(['box', 'outline', 'skeleton', 'face'].filter(name => index.layers.includes(name)));

const rect = ([x1, y1, x2, y2], kind) => lines(`M${x1} ${y1}H${x2}V${y2}H${x1}Z`, kind);
// A line in its colour over a wider dark one, so that it is seen on any ground.
const lines = (path, kind) => [
  drawn('path', { d: path, class: `${kind} edge` }), drawn('path', { d: path, class: kind })];
const polygon = points => `M${points.map(([x, y]) => `${x} ${y}`).join('L')}Z`;
const dots = (points, kind) => lines(points.map(([x, y]) => `M${x} ${y}h0`).join(''), `${kind} dot`);

const LAYERS = {
  box: (one, told) => rect(told.box, 'box'),
  context: (one, told) => told.context.map(part => typeof part[4] === 'string'
    ? drawn('rect', { x: part[0], y: part[1], width: part[2] - part[0], height: part[3] - part[1], fill: part[4] })
    : drawn('path', { d: polygon(part), fill: '#000' })),
  segmentation: (one, { segmentation: map }) => [drawn('image', {
    href: map.src, width: map.width, height: map.height, preserveAspectRatio: 'none', class: 'segments' })],
  depth: (one, told) => {
    const [width, height] = index.pictures[index.picture[one]];
    return [drawn('image', { href: told.depth, width, height, preserveAspectRatio: 'none', class: 'depth' })];
  },
  objects: (one, told, big) => told.objects.flatMap(({ box, label, score }) => [
    ...rect(box, 'object'), ...(big ? [named(one, box, `${label} ${Math.round(100 * score)} %`)] : [])]),
  outline: (one, told) => told.outline.flatMap(piece => lines(polygon(piece), 'outline')),
  skeleton: (one, told) => {
    const joints = told.skeleton, there = at => joints[at][2] >= index.leastJoint;
    const limbs = joints.length === 25 ? index.limbs.filter(([a, b]) => there(a) && there(b)) : [];
    const path = limbs.map(([a, b]) => `M${joints[a][0]} ${joints[a][1]}L${joints[b][0]} ${joints[b][1]}`).join('');
    return [...(path ? lines(path, 'skeleton') : []), ...dots(joints.filter((_, at) => there(at)), 'skeleton')];
  },
  face: (one, told) => [...rect(told.face.box, 'face'), ...dots(told.face.points, 'face')],
};

function named(one, [x, y], text) {
  const size = index.pictures[index.picture[one]][0] / 40;
  return drawn('text', { x: x + size / 4, y: Math.max(y, 0) + size, 'font-size': size, class: 'name' }, text);
}

// told: of the person; undefined while his part is read, null where it cannot be.
function picture(one, told, big = false) {
  const [width, height, reason] = index.pictures[index.picture[one]];
  if (reason) return make('div', { class: 'lost' }, make('span', {}, reason));
  const image = drawn('image', { href: address(index.picture[one]), width, height, preserveAspectRatio: 'none' });
  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true', class: 'photo' }, image);
  for (const name of told ? index.layers : []) {
    if (shown.has(name) && told[name]) svg.append(...LAYERS[name](one, told, big));
  }
  return svg;
}

function layerBoxes(changed) {
  return make('fieldset', { class: 'layers' }, make('legend', {}, 'Layers'), ...index.layers.map((name, at) => {
    const box = make('input', { type: 'checkbox', checked: shown.has(name), 'data-layer': name });
    box.onchange = () => { toggle(name); changed(); };
    return make('label', {}, box, make('i', { class: `key ${name}` }), ` ${name} `, make('kbd', {}, String(at + 1)));
  }));
}

function toggle(name) {
  if (!shown.delete(name)) shown.add(name);
  document.querySelectorAll(`[data-layer="${name}"]`).forEach(one => { one.checked = shown.has(name); });
}
