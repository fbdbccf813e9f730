// What pages of `gorgon web` have in common: a stream of events from where they came from, times
// that go on, and a line that says when what is shown may be old.

/** Elements that say how long something takes count on by themselves. */
function countOn() {
  const now = Date.now() / 1000;
  for (const one of document.querySelectorAll("[data-since]"))
    one.textContent = duration(Math.max(0, now - Number(one.dataset.since)));
}

function keepTheme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  new MutationObserver(() => localStorage.setItem("theme", root.dataset.theme))
      .observe(root, {attributes: true, attributeFilter: ["data-theme"]});
}

const trouble = {
  [EventSource.CONNECTING]:
      "gorgon web does not answer: this page tries again, and shows what it last knew",
  [EventSource.CLOSED]: "gorgon web has been started anew, or has ended: open the URL that it " +
      "prints now. This page shows what it last knew",
};

/** Events for a page, while it is in sight; a browser has but six connections to one place. */
class LiveStream {
  /** `url()` says from where to go on; `told(name, data)` gets each message. */
  constructor(url, names, told) {
    this.url = url;
    this.names = names;
    this.told = told;
    this.isOver = false;
    document.addEventListener("visibilitychange", () => this.follow());
    this.follow();
  }

  follow() {
    const wanted = !this.isOver && document.visibilityState !== "hidden";
    if (wanted && !this.source) {
      this.source = new EventSource(this.url());
      this.source.onopen = () => this.say("");
      this.source.onerror = () => this.say(trouble[this.source.readyState] ?? "");
      for (const name of this.names)
        this.source.addEventListener(
            name, (event) => this.told(name, JSON.parse(event.data), event));
    } else if (!wanted && this.source) {
      this.source.close();
      this.source = null;
    }
  }

  end() {
    this.isOver = true;
    this.follow();
    this.say("");
  }

  say(text) {
    showTrouble("connection", text);
  }
}

/** A line above the page, by its name; "" removes it. */
function showTrouble(name, text) {
  const id = `trouble-${name}`;
  const before = document.getElementById(id);
  if (text === "") return before?.remove();
  if (before) return (before.textContent = lineOf(text));
  const line = el("p", {class: "trouble", id, role: "alert"}, lineOf(text));
  document.getElementById("head").before(line);
}

/** Whether what machines and jobs do now is on its way, and not here. */
function isAsking(status) {
  return status.brokers.some((one) => one.is_asked);
}

/** While they are being asked, what was known stays, for a second at most. */
function statusBehind(before, news) {
  return isAsking(news) ? {...before, brokers: news.brokers} : news;
}

function brokerTrouble(brokers) {
  return brokers.filter((one) => one.problem)
      .map((one) => `${one.name}: ${one.problem}`)
      .join("; ");
}

function crumb(project, ...more) {
  return el(
      "nav", {class: "crumb", "aria-label": "Where this is"}, el("a", {href: "/"}, lineOf(project)),
      more.map((one) => [el("span", {"aria-hidden": "true"}, "/"), one]));
}
