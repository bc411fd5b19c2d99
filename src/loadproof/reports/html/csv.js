"use strict";
// The values of a chart as comma-separated values, made when somebody asks for them.

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  // A name that a spreadsheet would take for a formula stays a name.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvLink(figure, name, rows) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "csv";
  button.textContent = "CSV";
  button.setAttribute("aria-label", `Values of ${name} as CSV`);
  button.addEventListener("click", () => {
    const text = rows().map((row) => row.map(cell).join(",")).join("\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
    link.download = `${name.replaceAll(/[^\w.-]+/g, "-")}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  figure.querySelector(".chart-head").append(button);
}
