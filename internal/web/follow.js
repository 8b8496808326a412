// Replaces the parts of the page that have changed: after each event of the daemon, every 10 seconds, and instead of a new page
// when a table is sorted, searched or turned.
"use strict";

const settle = 300;      // milliseconds from an event to a look
const anyway = 10000;    // milliseconds between two looks without an event
let due = 0, looking = false, again = false;

async function look() {
	if (looking) {
		again = true;
		return;
	}
	looking = true;
	try {
		const answer = await fetch(location.pathname + location.search, {headers: {Accept: "text/html"}});
		if (!answer.ok) throw new Error((await answer.text()).trim());
		show(new DOMParser().parseFromString(await answer.text(), "text/html"));
		setLost("");
	} catch (error) {
		setLost("The daemon does not answer: " + error.message);
	} finally {
		looking = false;
		if (again) {
			again = false;
			soon();
		}
	}
}

function show(fresh) {
	document.title = fresh.title;
	for (const part of document.querySelectorAll("nav, section, footer")) {
		const other = part.id ? fresh.getElementById(part.id) : fresh.querySelector(part.tagName);
		if (other && !part.isEqualNode(other)) replace(part, other);
	}
}

// replace keeps what a person is at: how far a table is scrolled, and the focus.
function replace(part, other) {
	const wide = part.querySelector(".wide");
	const left = wide ? wide.scrollLeft : 0;
	const focusable = () => [...part.querySelectorAll("a, [tabindex]")];
	const focus = focusable().indexOf(document.activeElement);
	part.className = other.className;
	part.replaceChildren(...other.childNodes);
	if (left) part.querySelector(".wide")?.scrollTo({left: left});
	if (focus >= 0) focusable()[focus]?.focus({preventScroll: true});
}

function setLost(text) {
	let note = document.getElementById("lost");
	if (!text) {
		note?.remove();
		return;
	}
	if (!note) {
		note = document.createElement("p");
		note.id = "lost";
		note.className = "lost";
		note.setAttribute("role", "alert");
		document.querySelector("main").prepend(note);
	}
	if (note.textContent !== text) note.textContent = text;
}

function soon(wait = settle) {
	clearTimeout(due);
	due = setTimeout(async () => {
		await look();
		soon(anyway);
	}, wait);
}

function go(address) {
	history.pushState(null, "", address);
	soon(0);
}

document.addEventListener("click", event => {
	const link = event.target.closest("th a, .pages a");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
	event.preventDefault();
	go(link.href);
});

document.querySelector("form").addEventListener("submit", event => {
	event.preventDefault();
	const text = new FormData(event.target).get("q");
	go(text ? "?q=" + encodeURIComponent(text) : "./");
});

addEventListener("popstate", () => soon(0));

const events = new EventSource("events");
for (const kind of ["asked", "event", "missed"]) events.addEventListener(kind, () => soon());
events.addEventListener("error", () => soon());
soon(anyway);
