// Scans business cards at a booth. The server reads a code's text; what cannot be sent now waits on this device.
(function () {
  "use strict";
  var page = document.getElementById("fair"), inlet = page.dataset.inlet, WORDS = JSON.parse(page.dataset.words);
  var csrf = page.dataset.csrf, cards = leadflowCards(inlet);
  var AGAIN_MS = 15000, LOOK_MS = 180, SHOWN = ["name", "company", "phone", "email", "wechat"];
  var $ = function (id) { return document.getElementById(id); };
  var show = function (id, on) { $(id).hidden = !on; };
  var pass = null, place = {}, all = [], stream = null, current = null, sent = [], detector = null, jsqr = null;
  var worker = Promise.resolve(null);

  // --- what is kept on this device -----------------------------------------------------------
  function none() { return null; }
  function refresh() {
    return cards.list().then(function (found) { all = found; }, none).then(draw);
  }
  function id() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join("");
  }

  // --- who may send ---------------------------------------------------------------------------
  function takePass(hash) {
    var given = decodeURIComponent((hash || "").slice(1));
    if (given) allow(given);
    return Boolean(given);
  }
  function allow(given) { pass = given; return cards.keep("pass", given).catch(none); }
  // Whose pass it is, to be shown; what holds is what the server reads in it.
  function placeOfPass() {
    try {
      var text = atob(pass.split(".")[0].replace(/-/g, "+").replace(/_/g, "/"));
      var read = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, function (c) { return c.charCodeAt(0); })));
      return { rep: read.r || "", booth: read.b || "" };
    } catch (e) { return {}; }
  }
  function begin() {
    if (takePass(location.hash)) history.replaceState(null, "", location.pathname + location.search);
    if (navigator.serviceWorker) {
      navigator.serviceWorker.addEventListener("message", function (event) { became(event.data.label, event.data.became); });
      worker = navigator.serviceWorker.register("/fair/worker.js", { scope: "/fair/" + inlet }).catch(none);
    }
    return Promise.all([cards.recall("pass"), cards.recall("place")]).then(function (found) {
      pass = pass || found[0] || null;
      place = found[1] || {};
    }, none).then(ask).then(ready);
  }
  // Who is signed in needs no booth's link.
  function ask() {
    if (!csrf) return null;
    return fetch("/fair/" + inlet + "/pass", { method: "POST", headers: { "X-CSRF-Token": csrf } })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (made) { return made && allow(made.pass); }).catch(none);
  }
  function ready() {
    show("locked", !pass);
    show("start", Boolean(pass));
    return refresh().then(send);
  }
  function headers() { return { "Content-Type": "application/json", Authorization: "Bearer " + pass }; }
  function say(text) { $("alert").textContent = text || ""; show("alert", Boolean(text)); }

  // --- reading a code -------------------------------------------------------------------------
  function getDetector() {
    if (detector) return detector;
    detector = !("BarcodeDetector" in window) ? Promise.resolve(null)
      : BarcodeDetector.getSupportedFormats().then(function (formats) {
        return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
      }).catch(function () { return null; });
    return detector;
  }
  function getJsqr() {
    jsqr = jsqr || new Promise(function (done, failed) {
      var script = document.createElement("script");
      script.src = page.dataset.jsqr;
      script.onload = function () { done(window.jsQR); };
      script.onerror = failed;
      document.head.appendChild(script);
    });
    return jsqr;
  }
  function textOf(found) {
    // Codes of Chinese programs are often in GB18030; the library knows UTF-8 only and then says nothing.
    if (found.data) return found.data;
    return new TextDecoder("gb18030").decode(Uint8Array.from(found.binaryData));
  }
  // The text of a code in a picture of this size, or null.
  function decode(source, width, height, most) {
    return getDetector().then(function (native) {
      if (native) {
        return native.detect(source).then(function (all) { return all.length ? all[0].rawValue : null; });
      }
      return getJsqr().then(function (read) {
        var scale = Math.min(1, most / Math.max(width, height)), canvas = document.createElement("canvas");
        canvas.width = Math.max(1, Math.round(width * scale));
        canvas.height = Math.max(1, Math.round(height * scale));
        var context = canvas.getContext("2d", { willReadFrequently: true });
        context.fillStyle = "#fff";
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(source, 0, 0, canvas.width, canvas.height);
        var picture = context.getImageData(0, 0, canvas.width, canvas.height);
        var found = read(picture.data, canvas.width, canvas.height);
        return found ? textOf(found) : null;
      });
    });
  }
  // Address books put portraits of any size into a card.
  function withoutPictures(text) {
    return text.replace(/^([\w-]+\.)?(PHOTO|LOGO|SOUND|KEY)[;:].*(\r?\n[ \t].*)*\r?\n/gim, "");
  }
  function photo(file) {
    say();
    if (/\.vcf$/i.test(file.name) || /vcard/.test(file.type)) return file.text().then(withoutPictures).then(took);
    var url = URL.createObjectURL(file), image = new Image();
    image.src = url;
    return image.decode().then(function () {
      // Large photos are tried small first: quicker, and less noise.
      return decode(image, image.naturalWidth, image.naturalHeight, 1000).then(function (text) {
        return text || decode(image, image.naturalWidth, image.naturalHeight, 2400);
      });
    }).catch(function () { return null; }).then(function (text) {
      URL.revokeObjectURL(url);
      return text ? took(text) : say(WORDS.no_code);
    });
  }
  function scan() {
    say();
    if (!navigator.mediaDevices) return say(WORDS.insecure);
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } })
      .then(function (found) {
        stream = found;
        $("video").srcObject = stream;
        show("start", false); show("camera", true);
        return $("video").play().then(look);
      }).catch(function () { stop(); say(WORDS.no_camera); });
  }
  function look() {
    var video = $("video");
    if (!stream) return;
    var read = video.videoWidth ? decode(video, video.videoWidth, video.videoHeight, 720) : Promise.resolve(null);
    read.catch(function () { return null; }).then(function (text) {
      if (!stream) return;
      if (!text) { setTimeout(look, LOOK_MS); return; }
      if (navigator.vibrate) navigator.vibrate(60);
      stop();
      took(text);
    });
  }
  function stop() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    show("camera", false); show("start", Boolean(pass));
  }

  // --- one card -------------------------------------------------------------------------------
  function ours(text) {
    var url;
    try { url = new URL(text); } catch (e) { return false; }
    if (url.origin !== location.origin) return false;
    if (url.pathname === "/fair/" + inlet && takePass(url.hash)) { say(); ready(); return true; }
    if (url.pathname !== "/f/" + inlet) return false;
    place = {};
    ["rep", "booth", "campaign"].forEach(function (name) {
      if (url.searchParams.get(name)) place[name] = url.searchParams.get(name);
    });
    cards.keep("place", place).catch(none);
    draw();
    say(WORDS.place);
    return true;
  }
  function took(text) {
    if (ours(text.trim())) return null;
    return fetch("/fair/" + inlet + "/read", { method: "POST", headers: headers(), body: JSON.stringify({ code: text }) })
      .then(function (answer) {
        if (answer.status === 401) say(WORDS.pass_over);
        return answer.ok ? answer.json() : null;
      }).catch(function () { return null; })
      .then(function (found) { edit({ card: text, read: found, corrected: {} }); });
  }
  function edit(card) {
    current = card;
    var cards = card.read ? card.read.cards : [], fields = cards.length === 1 ? Object.assign({}, cards[0]) : {};
    if (cards.length < 2 && (card.read || !card.card)) {
      SHOWN.forEach(function (name) {
        if (!Object.keys(fields).some(function (one) { return one.split(" (")[0] === name; })) fields[name] = "";
      });
    }
    card.was = Object.assign({}, fields);
    $("card").reset();
    $("card-fields").replaceChildren();
    Object.keys(fields).sort(function (a, b) { return rank(a) - rank(b); }).forEach(function (column) {
      var kept = card.corrected[column];
      $("card-fields").appendChild(field(column, kept === undefined ? fields[column] : kept));
    });
    if (cards.length > 1) {
      var names = document.createElement("p");
      names.textContent = cards.map(function (one) { return one.name || WORDS.unknown_name; }).join("、");
      $("card-fields").appendChild(names);
    }
    var hint = card.card && !card.read ? WORDS.offline_card : card.card && !cards.length ? WORDS.no_card : "";
    $("card-hint").textContent = hint; show("card-hint", Boolean(hint));
    $("card-raw").querySelector("pre").textContent = card.card || ""; show("card-raw", Boolean(card.card));
    ["note", "interest"].forEach(function (name) { if (card[name]) fill(name, card[name]); });
    show("start", false); show("card", true);
    $("card").scrollIntoView({ block: "start" });
    $("card").querySelector("h2").tabIndex = -1;
    $("card").querySelector("h2").focus();
  }
  function rank(column) {
    var at = SHOWN.indexOf(column.split(" (")[0]);
    return at < 0 ? SHOWN.length : at;
  }
  function fill(name, text) {
    var parts = text.split("、");
    $("card").querySelectorAll("[name=" + name + "]").forEach(function (one) {
      if (one.type === "checkbox") one.checked = parts.includes(one.value); else one.value = text;
    });
  }
  function field(column, value) {
    var place = document.createElement("div"), label = document.createElement("label");
    var long = value.length > 60 || value.includes("\n"), input = document.createElement(long ? "textarea" : "input");
    var parts = column.split(" ("), type = parts[0];
    place.className = "field";
    input.id = "column-" + column.replace(/\W+/g, "-");
    input.dataset.column = column;
    input.value = value;
    input.autocomplete = "off";
    if (!long) input.type = type === "phone" ? "tel" : type === "email" ? "email" : "text";
    label.htmlFor = input.id;
    label.textContent = (WORDS.fields[type] || WORDS.columns[type] || type) + (parts[1] ? " (" + kindOf(parts[1]) : "");
    place.append(label, input);
    return place;
  }
  function kindOf(text) {
    return text.replace(/^[a-z]+/, function (kind) { return WORDS.kinds[kind] || kind; });
  }
  function save(event) {
    event.preventDefault();
    var corrected = {}, whole = {};
    $("card-fields").querySelectorAll("[data-column]").forEach(function (one) {
      var column = one.dataset.column, text = one.value.trim();
      whole[column] = text;
      if (text !== (current.was[column] || "").trim()) corrected[column] = text;
    });
    var reachable = Object.keys(whole).some(function (one) { return whole[one] && /^(phone|email|wechat)/.test(one); });
    if (!reachable && Object.keys(whole).length) return say(WORDS.need_contact);
    var form = new FormData($("card"));
    var card = {
      card: current.card || "", corrected: corrected, note: form.get("note").trim(),
      interest: form.getAll("interest").filter(Boolean).join("、"),
      rep: place.rep, booth: place.booth, campaign: place.campaign,
      submission_id: current.submission_id || id(), scanned_at: current.scanned_at || new Date().toISOString()
    };
    say();
    var label = whole.name || whole.company || WORDS.unknown_name, button = $("card").querySelector("[type=submit]");
    button.disabled = true;
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(none);
    return cards.put({ id: card.submission_id, at: Date.now(), label: label, state: "waiting", card: card, read: current.read })
      .then(function () { close(); return refresh().then(send); }, function () { say(WORDS.full); })
      .then(function () { button.disabled = false; });
  }
  function close() { current = null; show("card", false); show("start", Boolean(pass)); }

  // --- sending --------------------------------------------------------------------------------
  function send() {
    if (!pass) return null;
    return cards.send(function (one, how) { became(one.label, how); }).catch(none).then(function (why) {
      if (WORDS[why]) say(WORDS[why]);
      return refresh();
    }).then(function () {
      // What still waits is sent by the worker where the browser wakes it up, and by this page while it is open.
      return all.some(waits) && worker.then(function (found) { return found && found.sync && found.sync.register("cards"); });
    }).catch(none);
  }
  function waits(one) { return one.state === "waiting"; }
  function became(label, how) {
    if (how === "sent") sent.unshift(label);
    return refresh();
  }
  function draw() {
    var list = $("cards"), waiting = all.filter(waits).length;
    $("state").textContent = waiting ? (navigator.onLine ? "" : WORDS.offline + " · ") + waiting + " " + WORDS.waiting
      : sent.length ? WORDS.all_sent : "";
    show("retry", waiting > 0);
    var own = placeOfPass(), who = [own.booth || place.booth, own.rep || place.rep].filter(Boolean);
    if (who.length) $("who").textContent = " · " + who.join(" · ");
    list.replaceChildren();
    all.forEach(function (one) {
      var line = row(one.label, one.state === "bad" ? WORDS.bad : WORDS.waiting, one.state);
      if (one.state === "bad") {
        // It stays as it is until it is saved again, under the same id.
        line.append(action(WORDS.fix, function () { edit(Object.assign({ read: one.read }, one.card)); }),
          action(WORDS.drop, function () { cards.remove(one.id).then(refresh, none); }));
      }
      list.appendChild(line);
    });
    sent.slice(0, 20).forEach(function (label) { list.appendChild(row(label, WORDS.sent, "sent")); });
  }
  function row(label, state, kind) {
    var line = document.createElement("li"), who = document.createElement("span"), tag = document.createElement("span");
    line.className = kind; who.className = "who"; tag.className = "tag";
    who.textContent = label; tag.textContent = state;
    line.append(who, tag);
    return line;
  }
  function action(text, what) {
    var button = document.createElement("button");
    button.type = "button"; button.className = "link"; button.textContent = text;
    button.addEventListener("click", what);
    return button;
  }

  $("scan").addEventListener("click", scan);
  $("stop").addEventListener("click", stop);
  $("cancel").addEventListener("click", close);
  $("manual").addEventListener("click", function () { say(); edit({ card: "", read: null, corrected: {} }); });
  $("photo").addEventListener("change", function () {
    if (this.files.length) photo(this.files[0]);
    this.value = "";
  });
  $("card").addEventListener("submit", save);
  $("retry").addEventListener("click", send);
  window.addEventListener("online", send);
  window.addEventListener("offline", draw);
  window.addEventListener("hashchange", function () { if (takePass(location.hash)) location.reload(); });
  setInterval(send, AGAIN_MS);
  begin();
})();
