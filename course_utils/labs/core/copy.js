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
