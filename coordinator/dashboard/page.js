// Reads the coordinator's JSON every few seconds and shows it. Every word that comes from outside is put in as text.

const SOURCES = {
  status: { path: "/fleet/status", everyMs: 3000, show: showStatus },
  traces: { path: "/dashboard/api/traces?limit=30", everyMs: 4000, show: showTraces },
  health: { path: "/dashboard/api/health", everyMs: 10000, show: showHealth },
  session: { path: "/dashboard/session", everyMs: 60000, show: showSession },
};
const HIDDEN_FACTOR = 10; // nobody looks: ask that much less often
const LONGEST_PAUSE_MS = 60000;
const TIMEOUT_MS = 8000;
const STALE_MS = 15000;

const SYMBOLS = {
  online: ["●", "good"], degraded: ["◐", "warn"], offline: ["○", "bad"],
  completed: ["✓", "good"], failed: ["✕", "bad"], incomplete: ["✕", "bad"], rejected: ["✕", "bad"],
  retried: ["↻", "warn"], client_disconnected: ["–", "quiet"],
  critical: ["✕", "bad"], warning: ["▲", "warn"], info: ["i", "info"],
};

const $ = (id) => document.getElementById(id);

/** An element with a class, text or children, and attributes. Text stays text. */
function make(tag, { className = "", text = null, children = [], ...attributes } = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter(Boolean));
  return element;
}

/** Replaces what is shown only where it differs, so that a selection or a screen reader is not disturbed. */
function fill(element, ...children) {
  const fresh = element.cloneNode(false);
  fresh.append(...children.filter(Boolean));
  if (!fresh.isEqualNode(element)) element.replaceChildren(...fresh.childNodes);
}

const plain = new Intl.NumberFormat("en");
const count = (value) => (value === null || value === undefined ? "–" : plain.format(value));
const gib = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const duration = (ms) => {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60000).toFixed(1)} min`;
};
const GIB = 2 ** 30;

function badge(word, shown = word) {
  const [symbol, kind] = SYMBOLS[word] ?? ["?", "quiet"];
  return make("span", {
    className: kind,
    children: [make("span", { text: `${symbol} `, "aria-hidden": "true" }), document.createTextNode(shown)],
  });
}

// The fleet

function showStatus(status) {
  const { fleet, nodes } = status;
  const names = new Set(nodes.filter((node) => node.status !== "offline").flatMap((node) => node.ollama.models_available));
  fill(
    $("fleet"),
    card("Nodes online", `${fleet.nodes_online} of ${fleet.nodes_total}`),
    card("Models", count(names.size)),
    card("Loaded", count(fleet.models_loaded)),
    card("Running", count(fleet.requests_active)),
    card("Waiting", count(fleet.requests_held)),
    scoreCard(),
  );
  fill($("nodes"), ...(nodes.length ? nodes.map(nodeCard) : [nobody()]));
}

const card = (name, value) =>
  make("div", { children: [make("dt", { text: name }), make("dd", { text: value })] });

let score = null;

function scoreCard() {
  const kind = score === null ? "quiet" : score >= 80 ? "good" : score >= 50 ? "warn" : "bad";
  const link = make("a", { href: "#health-title", className: kind, text: score === null ? "–" : `${score}/100` });
  return make("div", { children: [make("dt", { text: "Health" }), make("dd", { children: [link] })] });
}

let joining = "On each machine: herd-node"; // the coordinator tells more: it knows the name that others reach it by

const nobody = () => make("p", { className: "notice", text: `No node has joined. ${joining}` });

function nodeCard(node) {
  const words = [node.state === "ready" ? node.status : `${node.status}, ${node.state}`];
  const aside = node.drained ? "drained" : node.draining ? "draining" : node.cordoned ? "cordoned" : node.state;
  if (aside !== node.state) words.push(aside);
  return make("article", {
    className: "node",
    "aria-label": `Node ${node.node_id}`,
    children: [
      make("h3", {
        children: [
          make("span", { text: node.node_id }),
          make("span", { className: "state", children: [badge(node.status, words.join(", "))] }),
        ],
      }),
      node.reason && make("p", { className: "reason", text: node.reason }),
      make("p", { className: "quiet machine", text: machine(node) }),
      // What an offline node said last is the past.
      ...(node.status === "offline" ? [] : [...gauges(node), make("ul", { className: "engines", children: engines(node) })]),
    ],
  });
}

function machine(node) {
  const { hardware, power, thermal } = node;
  return [
    hardware.chip || hardware.arch || "unknown machine",
    hardware.cores_physical ? `${hardware.cores_physical} cores` : "",
    thermal.temperature_c === null ? "" : `${thermal.temperature_c.toFixed(0)} °C`,
    power.on_battery ? "on battery" : "",
    node.agent_version ? `version ${node.agent_version}` : "",
  ].filter(Boolean).join(" · ");
}

function gauges(node) {
  const { memory } = node;
  const pressed = badge("warning", `memory pressure: ${memory.pressure}`);
  const found = [
    memory.pressure !== "normal" && make("p", { className: "reason", children: [pressed] }),
    gauge("CPU", node.cpu.utilization_pct / 100, `${node.cpu.utilization_pct.toFixed(0)} %`),
    memory.total_gb > 0 &&
      gauge("Memory", memory.used_gb / memory.total_gb, `${gib(memory.used_gb)} of ${gib(memory.total_gb)} GiB`),
  ];
  for (const gpu of node.gpus) {
    const name = node.gpus.length > 1 ? `GPU ${gpu.index}` : "GPU";
    const told = [
      gpu.utilization_pct === null ? "" : `${gpu.utilization_pct.toFixed(0)} %`,
      gpu.temperature_c === null ? "" : `${gpu.temperature_c.toFixed(0)} °C`,
    ].filter(Boolean).join(", ");
    if (told) found.push(gauge(name, (gpu.utilization_pct ?? 0) / 100, told, gpu.name));
    if (gpu.vram_total_bytes) {
      const used = gpu.vram_used_bytes ?? gpu.vram_total_bytes - gpu.vram_free_bytes;
      found.push(
        gauge(`${name.replace("GPU", "VRAM")}`, used / gpu.vram_total_bytes, `${gib(used / GIB)} of ${gib(gpu.vram_total_bytes / GIB)} GiB`, gpu.name),
      );
    }
  }
  if (node.disk.total_gb > 0) {
    const used = node.disk.total_gb - node.disk.available_gb;
    found.push(gauge("Disk", used / node.disk.total_gb, `${gib(node.disk.available_gb)} GiB free`));
  }
  return found;
}

function gauge(name, share, value, title = "") {
  const part = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0));
  const bar = make("span", { className: part > 0.9 ? "fill high" : "fill" });
  bar.style.width = `${(part * 100).toFixed(1)}%`;
  return make("div", {
    className: "gauge",
    title: title || name,
    children: [
      make("span", { className: "name", text: name }),
      make("span", { className: "track", "aria-hidden": "true", children: [bar] }),
      make("span", { className: "value", text: value }),
    ],
  });
}

function engines(node) {
  if (!node.engines.length) return [make("li", { className: "warn", text: "No engine" })];
  return node.engines.map((engine) => {
    const loaded = engine.replicas.map((replica) => replica.model);
    const onDisk = engine.models.length - new Set(loaded).size;
    const running = engine.replicas.reduce((sum, replica) => sum + replica.in_flight, 0);
    const facts = [
      loaded.length ? "" : "nothing loaded",
      onDisk > 0 ? `${onDisk} more on disk` : "",
      running ? `${running} running` : "",
    ].filter(Boolean).join(", ");
    return make("li", {
      children: [
        badge(engine.up ? "online" : "offline", `${engine.kind}${engine.version ? ` ${engine.version}` : ""}${engine.up ? "" : ": down"}`),
        make("span", { className: "quiet", text: facts ? ` · ${facts}` : "" }),
        !engine.up && engine.reason && make("p", { className: "reason", text: engine.reason }),
        loaded.length > 0 &&
          make("div", { className: "chips", children: loaded.map((name) => make("span", { className: "chip loaded", text: name, title: "loaded" })) }),
      ],
    });
  });
}

// Calls

function showTraces({ traces }) {
  if (!traces.length) {
    fill($("calls"), make("tr", { role: "row", children: [make("td", { colspan: "8", className: "only quiet", text: "No call yet.", role: "cell" })] }));
    return;
  }
  fill($("calls"), ...traces.map(callRow));
}

function callRow(trace) {
  const when = new Date(trace.timestamp * 1000);
  const cell = (text, className = "", name = "") =>
    make("td", { role: "cell", className, text, title: text, ...(name && { "data-name": name }) });
  const asked = trace.fallback_used ? ` (asked for ${trace.original_model})` : "";
  return make("tr", {
    role: "row",
    children: [
      make("td", { role: "cell", children: [make("time", { text: clock(when), datetime: when.toISOString() })] }),
      cell(`${trace.model}${asked}`, "model"),
      cell(trace.node_id || "–", "where"),
      make("td", {
        role: "cell",
        className: "status",
        children: [
          badge(trace.status, trace.status.replace("_", " ")),
          trace.error_message && make("div", { className: "quiet why", text: trace.error_message }),
        ],
      }),
      cell(duration(trace.latency_ms), "number", "latency"),
      cell(duration(trace.time_to_first_token_ms), "number", "TTFT"),
      cell(count(trace.prompt_tokens), "number", "tokens in"),
      cell(count(trace.completion_tokens), "number", "out"),
    ],
  });
}

function clock(when) {
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const today = when.toDateString() === new Date().toDateString();
  return today ? time : `${when.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}

// Health

function showHealth({ vitals, recommendations }) {
  score = vitals.health_score;
  joining = recommendations.find((each) => each.check_id === "no_nodes")?.fix ?? joining;
  $("fleet").lastElementChild?.replaceWith(scoreCard());
  $("vitals").textContent = vitals.total_requests_24h === null ? "" : [
    `Calls in 24 hours: ${count(vitals.total_requests_24h)}`,
    `failed: ${vitals.overall_error_rate_pct} %`,
    `retries: ${count(vitals.total_retries_24h)}`,
    `stopped by their caller: ${count(vitals.client_disconnects_24h)}`,
    vitals.avg_ttft_ms === null ? "" : `first token: ${duration(vitals.avg_ttft_ms)} on average`,
  ].filter(Boolean).join(" · ");
  fill($("findings"), ...(recommendations.length ? recommendations.map(finding) : [make("li", { children: [badge("completed", "Nothing to mend.")] })]));
}

function finding(each) {
  return make("li", {
    className: each.severity,
    children: [
      make("p", {
        children: [
          make("span", { className: "severity", children: [badge(each.severity)] }),
          make("span", { className: "title", text: each.title }),
        ],
      }),
      make("p", { text: each.description }),
      make("p", { className: "quiet", text: each.fix }),
    ],
  });
}

// Who looks

function showSession({ name, session }) {
  $("who").textContent = session ? `Logged in with the key ${name}` : "";
  $("session").hidden = !session;
}

// Asking, again and again

let freshAt = 0;
let trouble = "";

async function ask(source) {
  let response, body;
  try {
    response = await fetch(source.path, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" });
    body = await response.json();
  } catch (error) {
    throw new Error("the coordinator does not answer", { cause: error });
  }
  if (response.status === 401) throw new Error("you are not logged in any more: load this page again");
  if (!response.ok) throw new Error(`${source.path} says ${response.status}: ${body.error ?? ""}`);
  return body;
}

async function turn(name) {
  const source = SOURCES[name];
  source.timer = null;
  try {
    source.show(await ask(source));
    source.failures = 0;
    source.trouble = "";
    if (name === "status") freshAt = Date.now();
  } catch (error) {
    source.failures = (source.failures ?? 0) + 1;
    source.trouble = error.message;
  }
  trouble = Object.values(SOURCES).map((each) => each.trouble).find(Boolean) ?? "";
  tellFreshness();
  schedule(name);
}

function schedule(name) {
  const source = SOURCES[name];
  const slower = (document.hidden ? HIDDEN_FACTOR : 1) * 2 ** Math.min(source.failures ?? 0, 4);
  source.timer = setTimeout(() => turn(name), Math.min(source.everyMs * slower, Math.max(LONGEST_PAUSE_MS, source.everyMs)));
}

function tellFreshness() {
  const element = $("freshness");
  const stale = !freshAt || Date.now() - freshAt > STALE_MS;
  const since = freshAt ? `as of ${clock(new Date(freshAt))}` : "no figures yet";
  const text = trouble ? `${stale ? "Stale" : "Incomplete"}, ${since}: ${trouble}` : stale ? `Stale, ${since}` : "Live";
  if (element.textContent !== text) element.textContent = text;
  const waiting = !freshAt && !trouble;
  element.classList.toggle("stale", Boolean(trouble) || (stale && !waiting));
  document.body.classList.toggle("is-stale", stale && freshAt > 0);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const [name, source] of Object.entries(SOURCES)) {
    if (source.timer) {
      clearTimeout(source.timer);
      turn(name);
    }
  }
});
setInterval(() => { if (!document.hidden && freshAt) tellFreshness(); }, 2000);
for (const name of Object.keys(SOURCES)) turn(name);
