// What is too wide for its column can be scrolled with the keyboard as well, once it is unfolded.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const wide = new ResizeObserver(changes => changes.forEach(({ target }) => {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }));
  document.querySelectorAll('pre, .cell_output .output, mjx-container[display="true"]').forEach(box => wide.observe(box));
});
