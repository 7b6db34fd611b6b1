// A classic script: from file:// it runs where modules do not, and can say what to do.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  if (location.protocol === "file:") {
    document.getElementById("unserved").hidden = false;
    document.getElementById("loading").hidden = true;
  }
});
