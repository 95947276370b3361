// What a form's page can do better with JavaScript; without it, it works all the same.
(function () {
  "use strict";
  var IDLE_MS = 120000;
  var form = document.querySelector("[data-form]");
  var alert = document.getElementById("alert");
  if (alert) alert.focus();
  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.addEventListener("click", function () { window.print(); });
  });
  if (!form) return;
  var button = form.querySelector("button[type=submit]"), label = button.textContent;
  form.addEventListener("submit", function () {
    // A second click is the same arrival, by the page's ticket; this spares people the doubt.
    setTimeout(function () { button.disabled = true; button.textContent = form.dataset.sending; });
  });
  window.addEventListener("pageshow", function (event) {
    button.disabled = false;
    button.textContent = label;
    // A page that comes back from the browser's memory was sent already.
    if (event.persisted) location.reload();
  });
  if ("kiosk" in form.dataset) {
    // Whoever left the tablet in the middle leaves nothing to the next visitor.
    var timer;
    var wait = function () {
      clearTimeout(timer);
      timer = setTimeout(function () { location.replace(form.getAttribute("action")); }, IDLE_MS);
    };
    ["input", "pointerdown", "keydown"].forEach(function (name) { document.addEventListener(name, wait); });
  }
})();
