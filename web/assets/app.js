// Enhancement only: every page works without this file. It never builds HTML.

// Ctrl+Enter (or Cmd+Enter) sends the form that one is typing in; Escape follows its Cancel link.
document.addEventListener("keydown", (event) => {
  const form = event.target.form;
  if (!form) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  } else if (event.key === "Escape") {
    document.querySelector("a[data-cancel]")?.click();
  }
});

// Words typed and not sent are not left behind without asking.
const changed = new Set();
document.addEventListener("input", (event) => {
  if (event.target.form?.method === "post") changed.add(event.target.form);
});
document.addEventListener("submit", (event) => changed.delete(event.target));
addEventListener("beforeunload", (event) => {
  if (changed.size > 0) event.preventDefault();
});
