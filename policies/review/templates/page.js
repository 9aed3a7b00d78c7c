// Filters over a table that is whole without them. The choice is kept in the address, so that it can be shared.
(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("tbody tr")].map((row) => ({
    row, kind: row.className, who: row.querySelector("th").textContent, layer: row.dataset.layer,
    text: row.textContent.toLowerCase(),
  }));
  const names = ["kind", "layer", "who", "words"];

  function apply() {
    const value = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
    const words = value.words.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const each of rows) {
      const fits = (!value.kind || value.kind.split(" ").includes(each.kind)) &&
        ["layer", "who"].every((name) => !value[name] || value[name] === each[name]) &&
        words.every((word) => each.text.includes(word));
      each.row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
  }

  function keep() {
    const chosen = new URLSearchParams(names.map((name) => [name, form.elements[name].value]).filter(([, text]) => text));
    history.replaceState(null, "", `#${chosen}`);
    apply();
  }

  const asked = new URLSearchParams(location.hash.slice(1));
  for (const name of names) if (asked.has(name)) form.elements[name].value = asked.get(name);
  if (!names.some((name) => asked.has(name)) && rows.some((each) => each.kind !== "unchanged")) {
    form.elements.kind.value = "granted revoked";
  }
  form.hidden = false;
  apply();
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("all").addEventListener("click", () => {
    for (const name of names) form.elements[name].value = "";
    keep();
  });
})();
