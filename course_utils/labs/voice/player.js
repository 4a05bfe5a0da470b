function render({ model, el }) {
  const box = document.createElement('div'), audio = document.createElement('audio');
  const stage = document.createElement('div'), drawn = document.createElement('div');
  const line = document.createElement('i'), band = document.createElement('i');
  box.className = 'cv-player';
  drawn.className = 'cl-picture';
  stage.className = 'cv-stage';
  stage.tabIndex = 0;
  stage.setAttribute('role', 'group');
  stage.dataset.lmSuppressShortcuts = 'true';  // JupyterLab takes arrow keys otherwise
  line.className = 'cv-line';
  band.className = 'cv-band';
  band.hidden = true;
  audio.controls = true;
  audio.preload = 'auto';
  stage.append(drawn, band, line);
  box.append(stage, audio);
  el.append(box);
  let url = '', from = null, frame = 0;

  const share = seconds => {
    const left = model.get('left'), right = model.get('right');
    return left + (right - left) * Math.min(Math.max(seconds / model.get('seconds'), 0), 1);
  };
  const put = () => {
    const now = audio.currentTime || 0;
    line.style.left = `${100 * share(now)}%`;
    const told = `${now.toFixed(2)} of ${model.get('seconds').toFixed(1)} seconds`;
    stage.setAttribute('aria-label', `The sound, at ${told}. Arrow keys move, the space bar plays and pauses.`);
  };
  const follow = () => {
    put();
    if (!audio.paused) frame = requestAnimationFrame(follow);
  };
  const load = () => {
    const at = audio.currentTime || 0, playing = !audio.paused;
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get('sound')], { type: 'audio/wav' }));
    audio.src = url;
    audio.addEventListener('loadedmetadata', () => {
      audio.currentTime = Math.min(at, audio.duration || 0);
      if (playing) audio.play().catch(() => {});
      put();
    }, { once: true });
  };
  const show = () => { drawn.innerHTML = model.get('value'); };  // an SVG that Python has drawn
  const aim = () => { stage.dataset.mode = model.get('mode'); };
  const under = event => {
    const box = stage.getBoundingClientRect(), left = model.get('left'), right = model.get('right');
    const at = ((event.clientX - box.left) / box.width - left) / (right - left);
    return model.get('seconds') * Math.min(Math.max(at, 0), 1);
  };
  const seek = seconds => { audio.currentTime = Math.min(seconds, audio.duration || seconds); put(); };
  const pick = (a, b) => {
    model.set('picked', [Math.min(a, b), Math.max(a, b)]);
    model.set('turn', model.get('turn') + 1);
    model.save_changes();
  };
  stage.addEventListener('pointerdown', event => {
    if (event.button) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    from = under(event);
    if (model.get('mode') === 'listen') seek(from);
    if (model.get('mode') === 'reset') { pick(from, from); from = null; }
  });
  stage.addEventListener('pointermove', event => {
    if (from === null || !stage.hasPointerCapture(event.pointerId)) return;
    const to = under(event);
    if (model.get('mode') === 'listen') { seek(to); return; }
    band.hidden = false;
    band.style.left = `${100 * share(Math.min(from, to))}%`;
    band.style.width = `${100 * (share(Math.max(from, to)) - share(Math.min(from, to)))}%`;
  });
  const drop = event => {
    if (from !== null && model.get('mode') === 'silence') pick(from, under(event));
    from = null;
    band.hidden = true;
  };
  stage.addEventListener('pointerup', drop);
  stage.addEventListener('pointercancel', () => { from = null; band.hidden = true; });
  stage.addEventListener('keydown', event => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };
    if (event.key === ' ') {
      if (audio.paused) audio.play().catch(() => {}); else audio.pause();
    } else if (event.key in moves) {
      seek(Math.max(0, (audio.currentTime || 0) + moves[event.key] * model.get('step')));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const name of ['play', 'pause', 'seeked', 'timeupdate', 'ended']) audio.addEventListener(name, follow);
  model.on('change:sound', load);
  model.on('change:value', show);
  model.on('change:mode', aim);
  for (const name of ['seconds', 'left', 'right']) model.on(`change:${name}`, put);
  load();
  show();
  aim();
  put();
  return () => { cancelAnimationFrame(frame); audio.pause(); if (url) URL.revokeObjectURL(url); };
}
export default { render };
