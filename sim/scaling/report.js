// Draws both figures of the layer that is chosen.
"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const options = { responsive: true, displayModeBar: false };
  const chooser = document.getElementById("layer");
  function draw() {
    const chosen = figures[Number(chooser.value)];
    for (const name of ["harts", "sizes"]) {
      Plotly.react(name, chosen[name].data, chosen[name].layout, options);
    }
  }
  chooser.addEventListener("change", draw);
  draw();
})();
