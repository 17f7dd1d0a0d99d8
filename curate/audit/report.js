"use strict";
(() => {
  // Charts take the colour of the text around them, so they follow light, dark and print without being drawn again.
  const ink = "currentColor";
  const config = {
    background: null,
    font: "system-ui, sans-serif",
    aria: false,
    view: { stroke: null },
    axis: {
      labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridColor: ink,
      gridOpacity: 0.12, domainOpacity: 0.4, tickOpacity: 0.4, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    },
    legend: { symbolOpacity: 1, labelColor: ink, titleColor: ink, labelFontSize: 12, orient: "top", titleFontWeight: "normal" },
  };
  const draw = async (place) => {
    const held = document.querySelector(`script[data-spec="${CSS.escape(place.dataset.chart)}"]`);
    const inner = document.createElement("div");
    inner.setAttribute("aria-hidden", "true");
    place.append(inner);
    inner.className = "vega-embed";
    const spec = JSON.parse(held.textContent);
    const { across, entry, left } = spec.usermeta;
    const wide = inner.clientWidth - left;
    const fitted = {
      ...config,
      axisXDiscrete: { labelAngle: wide < across ? -40 : 0 },
      legend: { ...config.legend, columns: Math.max(1, Math.floor(wide / entry)) },
    };
    await vegaEmbed(inner, spec, { actions: false, ast: true, renderer: "svg", config: fitted, tooltip: true });
    place.dataset.drawn = "yes";
  };
  const drawAll = async () => {
    for (const place of document.querySelectorAll("[data-chart]")) await draw(place);
  };
  drawAll();

  const key = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? Number.parseFloat(cell.dataset.value) : cell.textContent.trim();
  };
  const compare = (one, other) => {
    if (typeof one === "number" && typeof other === "number") {
      if (Number.isNaN(one)) return Number.isNaN(other) ? 0 : 1;
      return Number.isNaN(other) ? -1 : one - other;
    }
    return String(one).localeCompare(String(other), "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const each of heads) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
        rows.sort((one, other) => compare(one[0], other[0]) * (down ? -1 : 1));
        table.tBodies[0].append(...rows.map((pair) => pair[1]));
      });
    });
  }

  // On paper nothing can be opened: what belongs to a finding is shown, tables of numbers are left out.
  const folded = () => document.querySelectorAll(".finding details");
  window.addEventListener("beforeprint", () => { for (const each of folded()) each.open = true; });
  window.addEventListener("afterprint", () => { for (const each of folded()) each.open = false; });

  const filters = document.querySelector(".filters");
  if (filters) {
    const findings = [...document.querySelectorAll(".finding")];
    const show = () => {
      const chosen = new Set([...filters.querySelectorAll("input[name=severity]:checked")].map((box) => box.value));
      const word = filters.querySelector("input[name=containing]").value.trim().toLowerCase();
      let shown = 0;
      for (const finding of findings) {
        const fits = chosen.has(finding.dataset.severity) && finding.textContent.toLowerCase().includes(word);
        finding.hidden = !fits;
        shown += fits;
      }
      filters.querySelector("output").textContent = shown === findings.length ? "" : `${shown} of ${findings.length} shown`;
    };
    filters.addEventListener("input", show);
    filters.addEventListener("submit", (event) => event.preventDefault());
  }
})();
