// Behind the page that scans cards: opens it without a network, and sends what waits when there is one again.
(function () {
  "use strict";
  // Registered for one trade show: nothing else of this site is looked at.
  var HERE = new URL(self.registration.scope).pathname, INLET = HERE.split("/").pop(), CACHE = "leadflow.fair." + INLET;
  var STATIC = "/forms/static/", LANGUAGES = ["zh", "en"], WAIT_MS = 4000;
  var cards = self.leadflowCards(INLET);

  function pageIn(language) { return HERE + "?lang=" + language; }
  // The pages as anybody gets them, without who is signed in, and what they load; what they no longer load goes.
  function fill() {
    return caches.open(CACHE).then(function (cache) {
      return Promise.all(LANGUAGES.map(function (language) {
        return fetch(pageIn(language), { credentials: "omit", cache: "no-store" }).then(function (answer) {
          if (!answer.ok) throw new Error("no page");
          return answer.clone().text().then(function (text) { return { language: language, answer: answer, text: text }; });
        });
      })).then(function (pages) {
        var wanted = new Set();
        pages.forEach(function (page) {
          (page.text.match(/\/forms\/static\/[\w.-]+\?v=\w+/g) || []).forEach(function (path) { wanted.add(path); });
        });
        // A page is kept only when all that it loads is: half of it would be of no use.
        return Promise.all(Array.from(wanted, function (path) {
          return cache.match(path).then(function (known) { return known || cache.add(path); });
        })).then(function () {
          return Promise.all(pages.map(function (page) { return cache.put(pageIn(page.language), page.answer); }));
        }).then(function () { return cache.keys(); }).then(function (keys) {
          return Promise.all(keys.map(function (key) {
            var url = new URL(key.url);
            return url.pathname.startsWith(STATIC) && !wanted.has(url.pathname + url.search) ? cache.delete(key) : null;
          }));
        });
      });
    });
  }
  function kept(url) {
    var asked = url.searchParams.get("lang"), own = /^zh/i.test(navigator.language) ? "zh" : "en";
    return caches.open(CACHE).then(function (cache) {
      return cache.match(pageIn(LANGUAGES.includes(asked) ? asked : own));
    });
  }
  // The network's page; the kept one where there is no network, an answer of a server that is away, or none in time.
  function open(event, url) {
    var late = new Promise(function (done) { setTimeout(done, WAIT_MS); }).then(function () { return kept(url); });
    var answered = fetch(event.request).then(function (answer) {
      if (answer.ok) event.waitUntil(fill().catch(function () {}));
      return answer.status < 500 ? answer : kept(url).then(function (found) { return found || answer; });
    }, function (problem) {
      return kept(url).then(function (found) { if (found) return found; throw problem; });
    });
    return Promise.race([answered, late.then(function (found) { return found || answered; })]);
  }

  self.addEventListener("install", function (event) {
    self.skipWaiting();
    event.waitUntil(fill());
  });
  self.addEventListener("activate", function (event) { event.waitUntil(self.clients.claim()); });
  self.addEventListener("fetch", function (event) {
    var url = new URL(event.request.url);
    if (event.request.method !== "GET" || url.origin !== location.origin) return;
    if (event.request.mode === "navigate" && url.pathname === HERE) event.respondWith(open(event, url));
    else if (url.pathname.startsWith(STATIC)) {
      event.respondWith(caches.match(event.request, { cacheName: CACHE }).then(function (found) {
        return found || fetch(event.request);
      }));
    }
  });
  // Browsers that know it call this when the network is back, even if the page was closed meanwhile.
  self.addEventListener("sync", function (event) {
    event.waitUntil(cards.send(function (one, became) {
      return self.clients.matchAll().then(function (pages) {
        pages.forEach(function (page) { page.postMessage({ label: one.label, became: became }); });
      });
    }).then(function (why) { if (why === "away" || why === "busy") throw new Error(why); }));
  });
})();
