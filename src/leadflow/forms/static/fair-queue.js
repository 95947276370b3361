// Cards that wait on this device, for the page that scans them and for its worker: kept in IndexedDB, sent one by one.
self.leadflowCards = function (inlet) {
  "use strict";
  var NAME = "leadflow.fair." + inlet, opened = null, sending = false;

  function open() {
    opened = opened || new Promise(function (done, failed) {
      var asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = function () {
        asked.result.createObjectStore("cards", { keyPath: "id" });
        asked.result.createObjectStore("kept");
      };
      asked.onsuccess = function () { done(asked.result); };
      asked.onerror = asked.onblocked = function () { opened = null; failed(asked.error); };
    });
    return opened;
  }
  // Ends when it is written for certain, also if the phone's battery is empty then.
  function within(store, mode, what) {
    return open().then(function (base) {
      return new Promise(function (done, failed) {
        var all = base.transaction(store, mode, { durability: "strict" }), asked = what(all.objectStore(store));
        all.oncomplete = function () { done(asked.result); };
        all.onabort = all.onerror = function () { failed(all.error || asked.error); };
      });
    });
  }
  function list() {
    return within("cards", "readonly", function (store) { return store.getAll(); }).then(function (all) {
      return all.sort(function (a, b) { return a.at - b.at; });
    });
  }
  function put(one) { return within("cards", "readwrite", function (store) { return store.put(one); }); }
  function remove(id) { return within("cards", "readwrite", function (store) { return store.delete(id); }); }
  function recall(name) { return within("kept", "readonly", function (store) { return store.get(name); }); }
  function keep(name, value) { return within("kept", "readwrite", function (store) { return store.put(value, name); }); }

  // Sends what waits, the oldest first, and tells of each card that it was sent or not taken. Gives why it ended: "" for
  // done, busy, no_pass, pass_over, too_often, away. A card has its id from the moment it is saved: sent twice, it is one.
  function send(tell) {
    function next() {
      return Promise.all([list(), recall("pass")]).then(function (found) {
        var one = found[0].find(function (card) { return card.state === "waiting"; }), pass = found[1];
        if (!one) return "";
        if (!pass) return "no_pass";
        var headers = { "Content-Type": "application/json", Authorization: "Bearer " + pass };
        var body = JSON.stringify(one.card);
        return fetch("/in/" + inlet, { method: "POST", headers: headers, body: body }).then(function (answer) {
          if (answer.ok) return remove(one.id).then(function () { tell(one, "sent"); }).then(next);
          if (answer.status === 401) return "pass_over";
          if (answer.status === 429) return "too_often";
          if (answer.status >= 500) return "away";
          one.state = "bad";
          return put(one).then(function () { tell(one, "bad"); }).then(next);
        }, function () { return "away"; });
      });
    }
    if (navigator.locks) {
      return navigator.locks.request(NAME, { ifAvailable: true }, function (lock) { return lock ? next() : "busy"; });
    }
    if (sending) return Promise.resolve("busy");
    sending = true;
    return next().finally(function () { sending = false; });
  }
  return { list: list, put: put, remove: remove, recall: recall, keep: keep, send: send };
};
