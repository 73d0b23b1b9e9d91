// Draws the report's figures from the data beside it; the choice of harts redraws two of them.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("figures").textContent);
  const options = { responsive: true, displayModeBar: false };
  const chooser = document.getElementById("harts");
  function drawSweep() {
    const chosen = data.sweep[chooser.value];
    for (const name of ["speedup", "energy"]) {
      Plotly.react(name, chosen[name].data, chosen[name].layout, options);
    }
  }
  chooser.addEventListener("change", drawSweep);
  drawSweep();
  Plotly.newPlot("front", data.front.data, data.front.layout, options);
  Plotly.newPlot("joules", data.energy.data, data.energy.layout, options);
  for (const figure of data.layers) {
    Plotly.newPlot(figure.id, figure.data, figure.layout, options);
  }
})();
