// The buyer's forms: a line more without a round trip, a counter for notes. Pages work without it.
(() => {
  const add = (button) => {
    const lines = button.closest("[data-lines]");
    const template = lines && lines.querySelector("template");
    const total = lines && lines.querySelector('input[name$="-TOTAL_FORMS"]');
    const most = lines && lines.querySelector('input[name$="-MAX_NUM_FORMS"]');
    if (!template || !total) return false;
    const index = Number(total.value);
    if (most && index >= Number(most.value)) return false;
    const fresh = template.content.cloneNode(true);
    for (const element of fresh.querySelectorAll("*")) {
      for (const attribute of [...element.attributes]) {
        if (attribute.value.includes("__prefix__")) {
          element.setAttribute(attribute.name, attribute.value.replaceAll("__prefix__", index));
        }
      }
    }
    const legend = fresh.querySelector("legend");
    if (legend) legend.textContent = legend.textContent.replace("new", String(index + 1));
    template.before(fresh);
    total.value = String(index + 1);
    const line = template.previousElementSibling;
    const field = line && line.querySelector("input:not([type=hidden]), textarea, select");
    if (field) field.focus();
    return true;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-add-line]");
    if (button && add(button)) event.preventDefault();
  });

  // How many characters a note has and needs.
  for (const counter of document.querySelectorAll("[data-counter-for]")) {
    const field = document.getElementById(counter.dataset.counterFor);
    if (!field) continue;
    const minimum = Number(field.dataset.minimum || 0);
    const count = () => {
      const length = field.value.trim().length;
      counter.textContent = `${length} characters; a rejection needs ${minimum}.`;
      counter.classList.toggle("short", length > 0 && length < minimum);
    };
    field.addEventListener("input", count);
    field.closest(".field").append(counter);
    count();
  }

  // Leaving a form of the wizard with unsaved words asks first.
  const form = document.querySelector("form.wizard");
  if (!form) return;
  let isDirty = false;
  form.addEventListener("input", () => { isDirty = true; });
  form.addEventListener("submit", () => { isDirty = false; });
  window.addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
})();
