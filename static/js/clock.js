// Heartbeats: says every 15 seconds whether there was input and whether the page was seen. The
// server measures; what it answers is shown, and between two answers the shown seconds go on.
(() => {
  const clock = document.querySelector("[data-clock]");
  if (!clock) return;
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const part = (name) => clock.querySelector(`[data-${name}]`);
  const instructions = document.querySelector("[data-instructions]");
  const floor = document.querySelector("[data-floor]");
  const every = Number(clock.dataset.seconds) * 1000;
  const STOPS_AFTER = 30 * 60 * 1000; // without input the hold is let go, as the offer says

  let active = Number(part("active").dataset.active);
  let idle = Number(part("idle").dataset.idle);
  let cap = Number(part("cap").dataset.cap);
  let hadInput = true;
  let lastInput = Date.now();
  let isOver = false;
  let isLeaving = false;
  let isReading = Boolean(instructions && instructions.open);

  const written = (seconds) => {
    const whole = Math.floor(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
    const rest = Math.floor((whole % 3600) / 60);
    return `${Math.floor(whole / 3600)} h${rest ? ` ${rest} min` : ""}`;
  };

  const show = () => {
    part("active").textContent = written(active);
    part("idle").textContent = written(idle);
    part("cap").textContent = written(cap);
    clock.querySelector("progress").max = cap;
    clock.querySelector("progress").value = Math.min(active, cap);
    part("capped").hidden = active < cap;
  };

  const trouble = (sentence) => {
    part("trouble").textContent = sentence;
    part("trouble").hidden = !sentence;
  };

  const take = (measured) => {
    active = measured.active_seconds;
    idle = measured.idle_seconds;
    cap = measured.cap_seconds;
    const expires = part("expires");
    // The server says it in UTC; the page shows it in the reader's zone, as it was rendered.
    const style = { hour: "2-digit", minute: "2-digit", timeZone: expires.dataset.zone || "UTC" };
    expires.textContent = new Date(measured.expires_at).toLocaleTimeString("en-GB", style);
    if (floor) floor.textContent = measured.floor;
    trouble("");
    show();
  };

  const beat = async () => {
    if (isOver || isLeaving || Date.now() - lastInput > STOPS_AFTER) return;
    const isVisible = document.visibilityState === "visible";
    const sent = new URLSearchParams({
      had_input: hadInput ? "1" : "0",
      is_visible: isVisible ? "1" : "0",
      on_instructions: isReading ? "1" : "0",
    });
    hadInput = false;
    try {
      const answer = await fetch(clock.dataset.beatUrl, {
        method: "POST",
        headers: { "X-CSRFToken": token, Accept: "application/json" },
        body: sent,
      });
      if (answer.ok) {
        take(await answer.json());
      } else if (answer.status === 409 || answer.status === 404) {
        isOver = true;
        trouble((await answer.json()).detail);
      } else {
        trouble("The server did not take the last heartbeat; it is tried again.");
      }
    } catch {
      trouble("No connection. Your draft stays in this page; the clock goes on when it is back.");
    }
  };

  for (const name of ["keydown", "pointerdown", "pointermove", "wheel", "touchstart", "input", "scroll"]) {
    document.addEventListener(
      name,
      () => {
        hadInput = true;
        lastInput = Date.now();
      },
      { passive: true, capture: true },
    );
  }

  // A page that is being left by a form needs no heartbeat: the form is one.
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) isLeaving = true;
  });
  window.addEventListener("pageshow", () => {
    isLeaving = false;
  });
  // Opening and closing the instructions is told at once, so that what was read counts as reading.
  if (instructions) {
    const read = instructions.querySelector("[data-instructions-read]");
    instructions.addEventListener("toggle", () => {
      if (instructions.open === isReading) return;
      beat();
      isReading = instructions.open;
    });
    read.hidden = false;
    read.addEventListener("click", () => {
      instructions.open = false;
      instructions.querySelector("summary").focus();
    });
  }
  setInterval(beat, every);
  setInterval(() => {
    if (isOver) return;
    if (Date.now() - lastInput < 60_000) active += 1;
    else idle += 1;
    show();
  }, 1000);
  document.addEventListener("visibilitychange", beat);
  document.addEventListener("wagefile:measured", (event) => take(event.detail));
})();
