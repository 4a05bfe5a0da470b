// Runs once in the page, when the style element of a lab (`this`) is loaded.
const lab = this.closest('.course-lab');

// Whenever something is shown: handles of sliders get a name for screen readers, and the readouts beside them
// are no stops of the Tab key; beside a choice they take no text either.
const name = () => lab.querySelectorAll('.widget-slider').forEach(slider => {
  slider.querySelector('[role=slider]')?.setAttribute('aria-label', slider.querySelector('label').textContent);
  const readout = slider.querySelector('.widget-readout');
  if (readout) {
    readout.tabIndex = -1;
    readout.inert = slider.classList.contains('cl-choice');
  }
});
name();
new MutationObserver(name).observe(lab, { childList: true, subtree: true });

// JupyterLab takes arrow keys and digits from lists and sliders (a 1 turns the cell into a heading): that is put
// right where the focus arrives.
lab.addEventListener('focusin', event => { event.target.dataset.lmSuppressShortcuts = 'true'; });
