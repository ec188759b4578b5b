// What is wrong with the page as it is shown: lists of words, all of them empty when it is right.
(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const box = one => one.getBoundingClientRect();

  // Pictures and tables that have no area.
  const empty = all('svg, table')
    .filter(one => box(one).width < 10 || box(one).height < 10)
    .map(one => one.getAttribute('aria-label') || one.tagName);

  // Words that cover each other by more than a pixel, in one picture, table or list.
  const shared = (p, q) => Math.min(
    Math.min(p.right, q.right) - Math.max(p.left, q.left),
    Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top));
  const overlaps = all('svg, tbody, nav ul, dl').flatMap(one => {
    const words = all('text, td, th, li, dd, dt', one).map(word => [word.textContent, box(word)]);
    return words.flatMap(([a, p], at) =>
      words.slice(at + 1).filter(([, q]) => shared(p, q) > 1).map(([b]) => `${a} | ${b}`));
  });

  // Words of a picture or matrix that stick out of its card; a picture in a box that scrolls may be wider.
  const held = word => !(word instanceof SVGElement && word.closest('.scroll'));
  const outside = all('figure').flatMap(card => all('svg text, td, figcaption', card).filter(held).filter(word => {
    const [inner, outer] = [box(word), box(card)];
    return inner.left < outer.left || inner.right > outer.right || inner.bottom > outer.bottom;
  }).map(word => word.textContent));

  // Words whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.2, AA), with that number.
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = value => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const found = rgba(getComputedStyle(one).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const worded = 'p, th, td, dt, dd, li, a, h1, h2, h3, span, code, figcaption, summary, strong, svg text';
  const faint = all(worded).flatMap(one => {
    const style = getComputedStyle(one);
    const ink = light(rgba(one instanceof SVGElement ? style.fill : style.color)), ground = light(behind(one));
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    return ratio < 4.5 ? [`${ratio.toFixed(2)} ${one.textContent.slice(0, 40)}`] : [];
  });

  return { empty, overlaps, outside, faint };
})()
