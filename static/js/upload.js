// The progress of an upload. Without this script the browser uploads the form as it is.
(() => {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-upload]") || event.defaultPrevented) return;
    const input = form.querySelector('input[type="file"]');
    if (!input || !input.files.length) return;
    event.preventDefault();
    const bar = form.querySelector("[data-upload-progress]");
    const text = form.querySelector("[data-upload-text]");
    const button = form.querySelector('button[type="submit"]');
    const request = new XMLHttpRequest();
    const fail = () => {
      text.textContent = "The upload was cut off. The file is still chosen; try again.";
      bar.hidden = true;
      button.disabled = false;
    };
    request.upload.addEventListener("progress", (step) => {
      if (!step.lengthComputable) return;
      bar.value = Math.round((100 * step.loaded) / step.total);
      text.textContent = bar.value < 100 ? `${bar.value}% sent` : "Sent; being looked at …";
    });
    request.addEventListener("error", fail);
    request.addEventListener("abort", fail);
    request.addEventListener("load", () => {
      if (request.responseURL && new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        window.location.assign(request.responseURL);
        return;
      }
      // A refusal or a report: the same page again, with its sentence.
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = page.querySelector("main");
      if (!main) return fail();
      document.querySelector("main").replaceWith(main);
      const note = main.querySelector("[role=alert], [role=status]");
      if (note) note.scrollIntoView({ block: "center" });
    });
    bar.hidden = false;
    button.disabled = true;
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
})();
