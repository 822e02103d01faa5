/** The readings as a list, each with its score and a button that copies it. */

/**
 * @param {HTMLOListElement} list emptied and filled; left alone if it shows the same.
 * @param {object[]} readings
 * @param {(text: string) => void} copy
 */
export function show(list, readings, copy) {
  const rows = [...list.children];
  const same =
    rows.length === readings.length &&
    rows.every((row, i) => row.dataset.text === readings[i].text);
  if (same) {
    // A live picture changes scores all the time; who is at a button stays there.
    rows.forEach((row, i) => score(row, readings[i]));
    return;
  }
  list.replaceChildren(...readings.map((reading) => rowOf(reading, copy)));
}

function rowOf(reading, copy) {
  const row = element("li", "reading");
  row.dataset.text = reading.text;
  const text = element("span", "text", reading.text || "unreadable");
  if (!reading.text) text.classList.add("none");
  const details = element("span", "details");
  const label = reading.doubtful ? `${reading.label}, doubtful` : reading.label;
  details.append(element("span", "label", label), element("span", "score"));
  const meter = element("span", "meter");
  meter.setAttribute("aria-hidden", "true");
  meter.append(element("span"));
  row.append(text, details, meter);
  if (reading.text) {
    const button = element("button", "quiet", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy ${reading.text}`);
    button.addEventListener("click", () => copy(reading.text));
    row.append(button);
  }
  score(row, reading);
  return row;
}

function score(row, reading) {
  const percent = `${Math.round(100 * reading.score)} %`;
  row.querySelector(".score").textContent = percent;
  row.querySelector(".meter > span").style.inlineSize = `${100 * reading.score}%`;
}

function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}
