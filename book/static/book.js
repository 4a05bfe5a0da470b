// A formula too wide for its column is scrolled, with the keyboard as well.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const wide = new ResizeObserver(changes => changes.forEach(({ target }) => {
    target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  }));
  document.querySelectorAll('mjx-container[display="true"]').forEach(formula => wide.observe(formula));
});
