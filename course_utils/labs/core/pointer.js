function render({ model, el }) {
  const map = document.createElement('div'), image = document.createElement('img');
  const mark = document.createElement('i'), ghost = document.createElement('i');
  map.className = 'ct-map';
  map.tabIndex = 0;
  map.setAttribute('role', 'img');
  map.dataset.lmSuppressShortcuts = 'true';  // JupyterLab takes arrow keys otherwise
  mark.className = 'ct-mark';
  ghost.className = 'ct-ghost';
  ghost.hidden = true;
  image.draggable = false;  // a drag over the map selects; it does not carry the picture away
  map.append(image, ghost, mark);
  el.append(map);
  let resting = 0, held = false;  // held: the mouse may wander, and what was clicked stays

  const size = () => [model.get('rows'), model.get('columns')];
  const put = (node, row, column) => {
    const [rows, columns] = size();
    Object.assign(node.style, {
      top: `min(${100 * row / rows}%, 100% - 7px)`,
      left: `min(${100 * column / columns}%, 100% - 7px)`,
      height: `${100 / rows}%`, width: `${100 / columns}%`,
    });
  };
  const show = () => {
    const [rows, columns] = size(), row = model.get('row'), column = model.get('column');
    const place = `row ${row + 1} of ${rows}, column ${column + 1} of ${columns}`;
    const said = `${model.get('label')} Selected: ${place}. Arrow keys move it.`;
    if (image.getAttribute('src') !== model.get('image')) image.src = model.get('image');
    image.hidden = !model.get('image');
    image.alt = model.get('label') || 'A map';
    map.setAttribute('aria-label', said);
    map.classList.toggle('ct-flat', rows === 1);
    map.style.aspectRatio = rows === 1 ? 'auto' : model.get('aspect') || columns / rows;
    put(mark, row, column);
  };
  const pick = (row, column) => {
    clearTimeout(resting);
    const [rows, columns] = size();
    model.set('row', Math.min(Math.max(row, 0), rows - 1));
    model.set('column', Math.min(Math.max(column, 0), columns - 1));
    model.save_changes();
  };
  const under = event => {  // a drag goes on beyond the edge, where the nearest pixel counts
    const box = map.getBoundingClientRect(), [rows, columns] = size();
    const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    return [at((event.clientY - box.top) / box.height, rows),
      at((event.clientX - box.left) / box.width, columns)];
  };
  const selected = ([row, column]) => row === model.get('row') && column === model.get('column');
  map.addEventListener('pointerdown', event => {
    if (event.button) return;
    const at = under(event);
    held = !(held && selected(at));
    map.setPointerCapture(event.pointerId);
    pick(...at);
    map.focus({ preventScroll: true });
  });
  map.addEventListener('pointermove', event => {
    const at = under(event), dragged = event.buttons & 1 && map.hasPointerCapture(event.pointerId);
    ghost.hidden = false;
    put(ghost, ...at);
    clearTimeout(resting);
    if (dragged && !selected(at)) {
      held = true;
      pick(...at);
    } else if (!dragged && !held) {
      resting = setTimeout(() => pick(...at), 150);  // where the mouse rests, not what it passes
    }
  });
  map.addEventListener('pointerleave', () => { clearTimeout(resting); ghost.hidden = true; });
  map.addEventListener('keydown', event => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    pick(model.get('row') + step[0], model.get('column') + step[1]);
  });
  for (const name of ['image', 'rows', 'columns', 'row', 'column', 'label', 'aspect'])
    model.on(`change:${name}`, show);
  show();
  return () => clearTimeout(resting);
}
export default { render };
