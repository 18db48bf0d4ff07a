// What the page adds where scripts run: the reason behind a number or mark in a panel, one patient highlighted
// everywhere, and filters. Everything it shows stands in the page already; nothing is computed anew.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const main = byId("main");
  const panel = byId("panel");
  const title = byId("panel-title");
  const body = panel.querySelector(".panel-body");
  const back = panel.querySelector("[data-do=back]");
  const all = Number(main.dataset.n);

  // ---- Which patient an element speaks of -------------------------------------------------------------------------

  const rows = [...document.querySelectorAll("tr[data-subject]")];
  const sections = new Map([...document.querySelectorAll("details.patient")].map((s) => [s.dataset.subject, s]));

  const ofLink = (link) => {
    const place = link && byId(link.hash.slice(1));
    const owner = place && place.closest("details.patient");
    return owner ? owner.dataset.subject : null;
  };

  const subjectAt = (element) => {
    const marked = element.closest("[data-subject]");
    if (marked) return marked.dataset.subject;
    const item = element.closest("li, tr");
    return item ? ofLink(item.querySelector('a[href^="#p"], a[href^="#x"]')) : null;
  };

  // Everything that shows a patient, found once: rows of tables, names in lists, marks of figures, the own section.
  let index = null;
  const shownBy = () => {
    if (index) return index;
    index = new Map();
    const add = (subject, element) => {
      if (!subject || !element) return;
      if (!index.has(subject)) index.set(subject, []);
      index.get(subject).push(element);
    };
    document.querySelectorAll("[data-subject]").forEach((e) => add(e.dataset.subject, e));
    document.querySelectorAll('.data a[href^="#p"]').forEach((a) => add(ofLink(a), a.closest("tr")));
    document.querySelectorAll('.reasons li a, .names li a, .agenda th a').forEach((a) => add(ofLink(a), a.closest("li, tr")));
    return index;
  };

  // ---- One patient highlighted everywhere -------------------------------------------------------------------------

  const form = byId("filters");
  const state = byId("state");
  let lit = null;

  const light = (subject) => {
    if (subject === lit) return;
    if (lit !== null) (shownBy().get(lit) || []).forEach((e) => e.classList.remove("lit"));
    lit = subject;
    document.documentElement.classList.toggle("lighting", lit !== null);
    if (lit !== null) (shownBy().get(lit) || []).forEach((e) => e.classList.add("lit"));
  };

  const chosen = () => form.elements.patient.value || null;
  const follow = (event) => light((event.target instanceof Element && subjectAt(event.target)) || chosen());
  main.addEventListener("pointerover", follow);
  main.addEventListener("focusin", follow);
  main.addEventListener("pointerleave", () => light(chosen()));

  // ---- Why: the panel ---------------------------------------------------------------------------------------------

  const trail = [];

  const show = (heading, nodes) => {
    title.textContent = heading;
    const copies = nodes.map((n) => n.cloneNode(true));
    copies.forEach((copy) => {
      [copy, ...copy.querySelectorAll("[id]")].forEach((e) => e.removeAttribute("id"));
    });
    body.replaceChildren(...copies);
    body.scrollTop = 0;
    back.hidden = trail.length < 2;
  };

  const open = (make) => {
    trail.push(make);
    make();
    if (!panel.open) panel.showModal();
    title.focus();
  };

  const heading = (details) => details.querySelector(":scope > summary").textContent.replace(/\s+/g, " ").trim();

  const link = (href, text) => {
    const line = document.createElement("p");
    const anchor = document.createElement("a");
    anchor.href = href;
    anchor.textContent = text;
    anchor.dataset.leave = "";
    line.append(anchor);
    return line;
  };

  const reason = (place) => {
    const details = place.closest("details");
    const owner = place.closest("details.patient");
    return () => {
      const name = owner ? `${owner.dataset.subject}: ` : "";
      show(name + heading(details), owner ? [place, link(`#${owner.querySelector(".patient-body").id}`, `All of ${owner.dataset.subject}`)] : [place]);
    };
  };

  // The result that a mark stands for: the same criterion and day; else that criterion; else the course.
  const ofMark = (mark) => {
    const { subject, criterion, day, why } = mark.dataset;
    if (why) {
      const behind = byId(`why-${why}`);
      return behind ? reason(behind) : null;
    }
    const owner = sections.get(subject);
    if (!owner) return null;
    const own = [...owner.querySelectorAll("details.decision")].filter((d) => !criterion || d.dataset.criterion === criterion);
    const exact = day !== undefined && own.filter((d) => d.dataset.day === day);
    const place = owner.querySelector(".patient-body");
    const course = owner.querySelector(".course");
    const results = criterion && [...owner.querySelectorAll("table tr[data-criterion]")].filter((r) => r.dataset.criterion === criterion);
    return () => {
      const where = day === undefined ? subject : `${subject}, day ${day}`;
      const said = mark.dataset.label ? `${where}: ${mark.dataset.label}` : where;
      const nodes = [];
      if (exact && exact.length) nodes.push(...exact.map(opened));
      else if (results && results.length) nodes.push(tableOf(results));
      else nodes.push(course);
      if (!(exact && exact.length) && criterion && own.length) nodes.push(...own.slice(0, 12));
      show(said, [...nodes, link(`#${place.id}`, `All of ${subject}`)]);
    };
  };

  // The mark at a point of the screen, or the nearest within a few pixels: marks are small, and some have holes.
  const markAt = (x, y) => {
    for (const far of [0, 3, 6]) {
      for (const [dx, dy] of [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]]) {
        const hit = document.elementFromPoint(x + far * dx, y + far * dy);
        const mark = hit && hit.closest(".chart [data-subject], .chart [data-why]");
        if (mark) return mark;
      }
    }
    return null;
  };

  const opened = (details) => {
    const copy = details.cloneNode(true);
    copy.open = true;
    return copy;
  };

  const tableOf = (found) => {
    const table = found[0].closest("table").cloneNode(true);
    let group = found[0];
    while (!group.classList.contains("group")) group = group.previousElementSibling;
    table.caption.lastChild.textContent = ` ${group.textContent.trim()}`;
    table.tBodies[0].replaceChildren(...found.map((r) => r.cloneNode(true)));
    return table;
  };

  const asked = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : null;
    const anchor = target && target.closest('a[href^="#"]');
    if (anchor) {
      const place = byId(anchor.hash.slice(1));
      const inside = panel.contains(anchor);
      if ("leave" in anchor.dataset) {
        panel.dataset.leave = anchor.hash;
        panel.close();
        event.preventDefault();
      } else if (place && place.closest("details.decision, details.reasons") && (inside || anchor.matches(".why") || place.closest("details.decision"))) {
        event.preventDefault();
        open(reason(place));
      } else if (inside) {
        panel.dataset.leave = anchor.hash;
        panel.close();
        event.preventDefault();
      }
      return;
    }
    const bar = target && target.closest(".interval");
    const why = bar && bar.closest("tr, li").querySelector("a.why");
    if (why) return why.click();
    const mark = target && target.closest(".chart") && markAt(event.clientX, event.clientY);
    const make = mark && ofMark(mark);
    if (make) open(make);
  };
  document.addEventListener("click", asked);

  back.addEventListener("click", () => {
    trail.pop();
    trail[trail.length - 1]();
    title.focus();
  });
  panel.querySelector("[data-do=close]").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
  panel.addEventListener("close", () => {
    trail.length = 0;
    body.replaceChildren();
    const hash = panel.dataset.leave;
    delete panel.dataset.leave;
    if (hash) {
      reveal(hash);
      location.hash = hash;
    }
  });

  const reveal = (hash) => {
    const place = byId(decodeURIComponent(hash.slice(1)));
    for (let e = place && place.closest("details"); e; e = e.parentElement.closest("details")) e.open = true;
  };

  // ---- Filters: who and what is shown; numbers stay those of all --------------------------------------------------

  const words = (select) => select.selectedOptions[0].textContent;
  const plural = (n) => `${n} patient${n === 1 ? "" : "s"}`;

  const apply = () => {
    const { disease, period, grade, patient } = form.elements;
    const option = period.selectedOptions[0].dataset;
    const first = option.first === "" ? -Infinity : Number(option.first);
    const last = option.last === "" ? Infinity : Number(option.last);
    const timed = period.value !== "";
    let n = 0;
    rows.forEach((row) => {
      const { subject, disease: code, grade: worst, last: end } = row.dataset;
      const kept = (!disease.value || code === disease.value) && Number(worst) >= Number(grade.value)
        && (!timed || (end !== "" && Number(end) >= first));
      n += kept ? 1 : 0;
      (shownBy().get(subject) || []).forEach((e) => e.classList.toggle("off", !kept));
    });
    document.querySelectorAll("[data-day]").forEach((e) => {
      const day = Number(e.dataset.day);
      e.classList.toggle("out", timed && !(day >= first && day <= last));
    });
    const limits = [disease.value && words(disease), timed && words(period), grade.value !== "0" && `grade ${words(grade)}`].filter(Boolean);
    const parts = [];
    if (limits.length) {
      parts.push(`Shows ${n} of ${plural(rows.length)} (${limits.join("; ")}).`);
      parts.push(`Estimates, intervals and curves are still of all ${plural(all)}.`);
    }
    if (patient.value) parts.push(`${patient.value} is highlighted in all figures and tables.`);
    state.hidden = parts.length === 0;
    state.querySelector("p").textContent = parts.join(" ");
    document.documentElement.classList.toggle("filtered", limits.length > 0);
    light(chosen());
  };

  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  state.querySelector("button").addEventListener("click", () => {
    form.reset();
    apply();
    form.elements.disease.focus();
  });
  if (rows.length > 1) {
    form.hidden = false;
    form.reset();
    form.querySelector("details").open = matchMedia("(min-width: 68rem)").matches;
  }
})();
