// Renews the page's parts as its server tells of them, and lets ages grow. Without it the page is whole, but still.
"use strict";
(() => {
  const body = document.body;
  let ahead = Number(body.dataset.now) - Date.now() / 1000; // The server's clock minus this one's.
  let says = null;

  const age = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    if (whole < 6000) return `${Math.round(whole / 60)} min`;
    const hours = whole / 3600;
    return hours < 100 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
  };

  const tick = () => {
    const now = Date.now() / 1000 + ahead;
    for (const each of document.querySelectorAll("[data-ago],[data-since]")) {
      if (each.dataset.ago === "") continue; // Nothing was seen yet.
      const seconds = now - Number(each.dataset.ago ?? each.dataset.since);
      const text = each.dataset.ago === undefined ? age(seconds) : seconds < 2 ? "just now" : `${age(seconds)} ago`;
      if (each.textContent !== text) each.textContent = text;
    }
  };

  const withButtons = (root) => {
    for (const button of root.querySelectorAll(".copy")) button.hidden = !navigator.clipboard;
  };

  // What is open stays open, and who stands on a link or a button goes on standing there.
  const replace = (name, html) => {
    const old = document.getElementById(`r-${name}`);
    if (!old) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    const links = "a,button,summary,[tabindex]";
    const place = [...old.querySelectorAll(links)].indexOf(document.activeElement);
    for (const each of old.querySelectorAll("details[open][id]")) {
      const same = holder.content.querySelector(`#${CSS.escape(each.id)}`);
      if (same) same.open = true;
    }
    withButtons(fresh);
    old.replaceWith(fresh);
    if (place >= 0) fresh.querySelectorAll(links)[place]?.focus({ preventScroll: true });
  };

  const renew = (told) => {
    ahead = told.now - Date.now() / 1000;
    document.title = told.title;
    if (told.frame !== undefined) {
      document.getElementById("main").innerHTML = told.frame;
      withButtons(document);
    }
    for (const [name, html] of Object.entries(told.regions)) replace(name, html);
    document.getElementById("taken").dataset.ago = told.taken ?? "";
    if (says) {
      const news = Object.keys(told.says).filter((name) => told.says[name] !== says[name]);
      if (news.length) document.getElementById("said").textContent = news.map((name) => told.says[name]).join(". ");
    }
    says = told.says;
    tick();
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    document.getElementById("said").textContent = "Copied.";
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  });

  withButtons(document);
  tick();
  setInterval(tick, 1000);
  if (!body.dataset.events) return;
  const lost = document.getElementById("lost");
  const source = new EventSource(body.dataset.events);
  source.onopen = () => { lost.hidden = true; };
  source.onerror = () => { lost.hidden = false; };
  source.onmessage = (event) => renew(JSON.parse(event.data));
})();
