// Replaces the parts of the page that have changed: after events of the daemon, every 10 seconds, and instead of a new page when a
// table is sorted, searched or turned.
"use strict";

// Milliseconds.
const settle = 300;     // from an event to a look
const pause = 2000;     // between two looks for events
const anyway = 10000;   // between two looks without an event
const patience = 20000; // for an answer

const search = document.getElementById("q");
let due = 0, dueAt = 0; // the timer of the next look, and its time
let running = null;     // ends the look that is under way
let again = false;      // something has happened since it began
let looked = 0;         // when the last one ended
let events = null;
let shown = location.search;

async function look() {
	clearTimeout(due);
	due = 0;
	running?.abort();
	const own = running = new AbortController();
	const late = setTimeout(() => own.abort(new Error("no answer within " + patience / 1000 + " seconds")), patience);
	let lost = "";
	try {
		const answer = await fetch(location.pathname + location.search, {signal: own.signal, headers: {Accept: "text/html"}});
		const text = await answer.text();
		if (!answer.ok) throw new Error(text.trim());
		if (running === own) show(new DOMParser().parseFromString(text, "text/html"));
	} catch (error) {
		lost = error instanceof TypeError ? "the daemon cannot be reached" : error.message;
	} finally {
		clearTimeout(late);
	}
	if (running !== own) return; // another look has begun
	running = null;
	looked = Date.now();
	setLost(lost);
	if (!lost) follow();
	soon(again ? pause : anyway);
	again = false;
}

// soon has a look after a time, unless one is due before.
function soon(wait) {
	const at = Date.now() + wait;
	if (due && dueAt <= at) return;
	clearTimeout(due);
	dueAt = at;
	due = setTimeout(look, wait);
}

function news() {
	if (running) again = true;
	else soon(Math.max(settle, looked + pause - Date.now()));
}

// follow opens the stream of events unless it is open, or opens itself again.
function follow() {
	if (events && events.readyState !== EventSource.CLOSED) return;
	events = new EventSource("events");
	for (const kind of ["open", "asked", "event", "transfer", "reload", "missed", "error"]) events.addEventListener(kind, news);
}

function show(fresh) {
	if (fresh.documentElement.dataset.version !== document.documentElement.dataset.version) location.reload(); // the script may be another
	document.title = fresh.title;
	const parts = [...document.querySelectorAll("nav, section, footer, #sought")].filter(part => !isSelected(part));
	for (const part of parts) {
		const other = part.id ? fresh.getElementById(part.id) : fresh.querySelector(part.tagName);
		if (other && !part.isEqualNode(other)) replace(part, other);
	}
}

// isSelected reports whether a person has selected text of a part, to copy it.
function isSelected(part) {
	const selection = getSelection();
	return !selection.isCollapsed && part.contains(selection.anchorNode);
}

// replace keeps the focus where a person has it.
function replace(part, other) {
	const focusable = () => [...part.querySelectorAll("a, [tabindex]")];
	const focused = focusable().indexOf(document.activeElement);
	const rel = document.activeElement.rel;
	merge(part, other);
	if (focused < 0) return;
	const same = rel ? part.querySelector(`[rel="${rel}"]`) ?? part.querySelector("[rel]") : focusable()[focused];
	if (same !== document.activeElement) same?.focus({preventScroll: true});
}

// frame matches what has elements and no text in it.
const frame = "section, .wide, table";

// merge replaces what differs between a part and another. What is the same in both stays, since the layout of many rows takes the most
// time of all; and a table that stays is scrolled as far as before.
function merge(part, other) {
	if (part.className !== other.className) part.className = other.className; // a part without a class stays one
	if (!part.matches(frame)) {
		part.replaceChildren(...other.childNodes);
		return;
	}
	const children = [...part.children], others = [...other.children];
	others.forEach((fresh, i) => {
		const child = children[i];
		if (!child) part.append(fresh);
		else if (child.matches(frame) && fresh.matches(frame)) merge(child, fresh);
		else if (!child.isEqualNode(fresh)) child.replaceWith(fresh);
	});
	for (const child of children.slice(others.length)) child.remove();
}

// setLost says above the page why it is not up to date, "" if it is.
function setLost(why) {
	let note = document.getElementById("lost");
	if (!why) {
		note?.remove();
		return;
	}
	if (!note) {
		note = document.createElement("p");
		note.id = "lost";
		note.setAttribute("role", "alert");
		document.querySelector("main").prepend(note);
	}
	const since = document.querySelector("#age time").textContent;
	const text = "Not up to date: " + why + ". This is the state of " + since + ". The page follows again when the daemon answers.";
	if (note.textContent !== text) note.textContent = text;
}

function go(address) {
	history.pushState(null, "", address);
	shown = location.search;
	look();
}

document.addEventListener("click", event => {
	const link = event.target.closest("th a, .pages a, #sought a");
	if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
	event.preventDefault();
	if (link.closest("#sought")) search.value = "";
	go(link.href);
});

document.querySelector("form").addEventListener("submit", event => {
	event.preventDefault();
	go(search.value ? "?q=" + encodeURIComponent(search.value) : "./");
});

addEventListener("popstate", () => {
	if (location.search === shown) return; // another part of the page, no other page
	shown = location.search;
	search.value = new URLSearchParams(location.search).get("q") ?? "";
	look();
});

follow();
soon(anyway);
