// Put a lab that runs in the page in the place of its picture, which stays wherever that does not work.
for (const figure of document.querySelectorAll("figure[data-lab]")) {
  const [module, data] = ["live.js", "live.json"].map(name => new URL(figure.dataset.lab + name, document.baseURI));
  const [{ mount }, answer] = await Promise.all([import(module), fetch(data)]);
  const given = { state: figure.dataset.state, data: await answer.json() };
  const picture = [...figure.childNodes];
  const place = document.createElement("div");
  figure.replaceChildren(place); // before it is drawn: a lab asks how wide its place is
  try {
    mount(place, given);
  } catch (problem) {
    figure.replaceChildren(...picture);
    throw problem;
  }
}
