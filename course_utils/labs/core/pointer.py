"""What plain controls cannot do: point at a pixel with the mouse, and put text on the clipboard."""

import anywidget
import traitlets

PICKER = """
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
    const said = `${model.get('label')} Selected: row ${row} of ${rows}, column ${column} of ${columns}, ` +
      'counted from 0. Arrow keys move it.';
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
"""
PICKER_STYLE = """
.ct-map { position: relative; width: 100%; cursor: crosshair; overflow: hidden; border-radius: 2px;
  user-select: none; box-shadow: 0 0 0 1px var(--jp-border-color2, #d0d0d0); }
.ct-map.ct-flat { height: 30px; }
.ct-map:focus-visible { overflow: visible; }
.ct-map img { width: 100%; height: 100%; display: block; image-rendering: pixelated; }
.ct-mark, .ct-ghost { position: absolute; box-sizing: border-box; min-width: 7px; min-height: 7px;
  pointer-events: none; }
.ct-mark { border: 2px solid #111; box-shadow: 0 0 0 1.5px #fff, inset 0 0 0 1px #fff; }
.ct-ghost { box-shadow: 0 0 0 1px #111, inset 0 0 0 1px #fff; }
"""
COPY = """
function render({ model, el }) {
  const button = document.createElement('button'), said = document.createElement('span');
  button.type = 'button';
  button.className = 'jupyter-widgets jupyter-button';
  said.className = 'ct-said';
  said.setAttribute('aria-live', 'polite');
  el.classList.add('ct-copy');
  el.append(button, said);

  const show = () => { button.textContent = model.get('label'); };
  const byHand = text => {  // without a secure address the browser gives no clipboard
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'ct-hidden';
    el.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    button.focus();
    return done;
  };
  button.addEventListener('click', async () => {
    const text = model.get('text');
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch { done = byHand(text); }
    said.textContent = done ? 'Copied' : 'Not copied: the browser forbids it';
    setTimeout(() => { said.textContent = ''; }, 2000);
  });
  model.on('change:label', show);
  show();
}
export default { render };
"""
COPY_STYLE = """
.ct-copy { display: inline-flex; align-items: center; gap: 6px; width: auto; overflow: visible; }
.ct-said { font-size: 13px; color: var(--jp-ui-font-color1, #1f1f1f); }
.ct-hidden { position: fixed; opacity: 0; }
"""


class MapPicker(anywidget.AnyWidget):
    """A map on which a pixel is selected: where the mouse rests, by a click or a drag, or by arrow keys.

    After a click the mouse may wander, and the selection stays; another click on it lets it follow again.
    `image` is a data URI; `aspect` is its width by its height where its pixels are not square.
    """

    _esm, _css = PICKER, PICKER_STYLE
    image = traitlets.Unicode().tag(sync=True)
    rows = traitlets.Int(1).tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    aspect = traitlets.Float(0.0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)


class CopyButton(anywidget.AnyWidget):
    """A button that puts `text` on the clipboard and says so."""

    _esm, _css = COPY, COPY_STYLE
    text = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Copy").tag(sync=True)
