// The draft: what is written is kept a moment after each change, and when the page is left.
(() => {
  const form = document.querySelector("form[data-draft-url]");
  if (!form) return;
  const said = form.querySelector("[data-draft-said]");
  const WAIT = 800;
  let timer = 0;
  let isDirty = false;
  let isSending = false;

  const save = async () => {
    clearTimeout(timer);
    if (!isDirty || isSending) return;
    isDirty = false;
    try {
      const answer = await fetch(form.dataset.draftUrl, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(form)),
        keepalive: true,
      });
      const body = await answer.json();
      if (answer.ok) {
        said.textContent = "Draft saved.";
        document.dispatchEvent(new CustomEvent("wagefile:measured", { detail: body }));
      } else {
        said.textContent = body.detail;
      }
    } catch {
      isDirty = true;
      said.textContent = "The draft is not saved yet: no connection.";
    }
  };

  form.addEventListener("input", () => {
    isDirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, WAIT);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save();
  });
  window.addEventListener("pagehide", save);

  // One submission a click; the draft has nothing to add any more.
  form.addEventListener("submit", (event) => {
    if (isSending) {
      event.preventDefault();
      return;
    }
    isSending = true;
    clearTimeout(timer);
  });
  window.addEventListener("pageshow", () => {
    isSending = false;
  });
})();
