// Keeps a page's facts fresh: fetches the page again and swaps what changed, unless somebody is in the middle of something.
// Without this script every page works the same and is as old as it says.
"use strict";
(() => {
  const EVERY_MS = 5000;
  const busy = () => {
    const main = document.querySelector("main");
    return document.hidden || main.contains(document.activeElement) || String(getSelection()) !== "";
  };
  const refresh = async () => {
    if (busy()) return;
    let answer;
    try {
      answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    } catch {
      return; // The hub is away; the page says how old it is.
    }
    if (!answer.ok || answer.redirected || busy()) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["content", "made"]) {
      const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
      if (old && now && old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
    }
  };
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
})();
