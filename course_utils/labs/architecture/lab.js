// Runs in the page after the script that all labs share; `lab` is theirs.

// A click on a stage of the picture leads to its dials.
lab.addEventListener('click', event => {
  const stage = event.target.closest('[data-path]');
  const place = stage && lab.querySelector(`.cl-of-${stage.dataset.path.replace('.', '-')}`);
  [...place?.querySelectorAll('select, input, [role=slider]') ?? []].find(dial => dial.offsetParent)?.focus();
});
