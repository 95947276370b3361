/* LeadFlow: sends any <form data-leadflow> to an inlet. No cookies; works without, too. */
(function (doc, win) {
  "use strict";
  var script = doc.currentScript, KEY = "leadflow.visit", TRAP = script.dataset.honeypot || "lf_website";
  var MARK = /[?&](utm_\w+|\w*cl(ick_?)?id|bd_vid|gdt_vid|qz_gdt|[gw]braid|uctrackid|epik|rdt_cid|sccid|li_fat_id|n_ad)=/i;
  var zh = /^zh/i.test(doc.documentElement.lang || navigator.language);
  var SAYS = zh ? {
    done: "谢谢！我们已收到您的信息。", sending: "正在提交…", away: "暂时无法提交，请稍后再试。", often: "提交过于频繁，请稍后再试。",
    phone: "请填写正确的手机号码", email: "请填写正确的邮箱地址", wechat: "请填写正确的微信号",
    contact: "请填写手机、邮箱或微信", other: "请检查此项"
  } : {
    done: "Thank you! We have your details.", sending: "Sending…", away: "It cannot be sent at the moment. Please try again.",
    often: "That was too often. Please try again in a minute.",
    phone: "Please give a valid phone number", email: "Please give a valid e-mail address",
    wechat: "Please give a valid WeChat ID", contact: "Please give a phone number, an e-mail or a WeChat ID",
    other: "Please check this"
  };

  // The visit: the page that it began with, and where that was come from; a new click on an ad begins another.
  function visit() {
    var found = null, here = { landing_page: location.href.split("#")[0], referrer: doc.referrer };
    try {
      found = JSON.parse(sessionStorage.getItem(KEY));
      if (!found || (MARK.test(location.search) && found.landing_page !== here.landing_page)) {
        found = here;
        sessionStorage.setItem(KEY, JSON.stringify(here));
      }
    } catch (e) { /* Storage may be forbidden: then this page is all that is known. */ }
    return found || here;
  }

  function id() {
    var bytes = win.crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join("");
  }

  function fields(form) {
    var found = {};
    new FormData(form).forEach(function (value, name) {
      if (typeof value !== "string") return;
      found[name] = name in found ? found[name] + "、" + value : value;
    });
    return found;
  }

  function prepare(form) {
    var inlet = form.dataset.leadflow || script.dataset.inlet, began = Date.now(), sending = false, submission = id();
    var url = new URL("../in/" + encodeURIComponent(inlet), script.src).href;
    var trap = form.querySelector('[name="' + CSS.escape(TRAP) + '"]');
    if (!trap) {
      trap = doc.createElement("input");
      trap.name = TRAP;
      trap.tabIndex = -1;
      trap.autocomplete = "off";
      trap.setAttribute("aria-hidden", "true");
      trap.style.cssText = "position:absolute;left:-9999px;width:1px;height:1px;opacity:0";
      form.appendChild(trap);
    }

    function say(text, place, field) {
      var line = doc.createElement("p");
      line.className = "leadflow-error";
      line.setAttribute("role", "alert");
      line.textContent = text;
      place.insertAdjacentElement(field ? "afterend" : "beforeend", line);
      if (field) field.setAttribute("aria-invalid", "true");
    }

    function clear() {
      form.querySelectorAll(".leadflow-error").forEach(function (one) { one.remove(); });
      form.querySelectorAll("[aria-invalid]").forEach(function (one) { one.removeAttribute("aria-invalid"); });
    }

    function problems(list) {
      var first = null, own = list.filter(function (one) { return one.field !== "contact"; });
      (own.length ? own : list).forEach(function (one) {
        var field = form.querySelector('[name="' + CSS.escape(one.field) + '"]');
        if (!field && one.field === "phone") field = form.querySelector("[type=tel]");
        if (!field && one.field === "email") field = form.querySelector("[type=email]");
        say(SAYS[one.field] || SAYS.other, field || form, field);
        first = first || field;
      });
      if (first) first.focus();
    }

    function done() {
      var next = form.dataset.next, line = doc.createElement("p");
      form.dispatchEvent(new CustomEvent("leadflow:sent", { bubbles: true }));
      if (next) { location.href = next; return; }
      line.className = "leadflow-done";
      line.setAttribute("role", "status");
      line.tabIndex = -1;
      line.textContent = form.dataset.done || SAYS.done;
      form.replaceChildren(line);
      line.focus();
    }

    form.addEventListener("submit", function (event) {
      event.preventDefault();
      if (sending) return;
      sending = true;
      clear();
      var button = form.querySelector("[type=submit],button:not([type])"), label = button && button.textContent;
      if (button) { button.disabled = true; button.textContent = SAYS.sending; }
      // A second click, or another try after a lost answer, is the same arrival.
      var body = Object.assign(visit(), fields(form), { submission_id: submission, lf_elapsed_ms: Date.now() - began });
      fetch(url, {
        method: "POST", headers: { "Content-Type": "application/json" }, credentials: "omit", keepalive: true,
        body: JSON.stringify(body)
      }).then(function (answer) {
        if (answer.ok) return done();
        if (answer.status === 429) return say(SAYS.often, form);
        if (answer.status !== 422) throw answer;
        return answer.json().then(function (told) { problems(told.problems || []); });
      }).catch(function () { say(SAYS.away, form); }).then(function () {
        sending = false;
        if (button) { button.disabled = false; button.textContent = label; }
      });
    });
  }

  visit();
  doc.querySelectorAll("form[data-leadflow]").forEach(prepare);
})(document, window);
