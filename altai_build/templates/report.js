
// The picture of dependencies: what a node needs and what needs it, directly or through others, stands out.
const picture = document.getElementById("graph-picture");
if (picture) {
  const nodes = [...picture.querySelectorAll(".node")], edges = [...picture.querySelectorAll(".edge")];
  const left = new Map(), right = new Map();
  const link = (map, key, edge) => map.has(key) ? map.get(key).push(edge) : map.set(key, [edge]);
  for (const edge of edges) { link(left, edge.dataset.to, edge); link(right, edge.dataset.from, edge); }
  const follow = (start, map, end, found) => {
    const seen = new Set(start), queue = [...start];
    for (const number of queue) for (const edge of map.get(number) ?? []) {
      found.add(edge);
      if (!seen.has(edge.dataset[end])) { seen.add(edge.dataset[end]); queue.push(edge.dataset[end]); }
    }
    return seen;
  };
  const choose = numbers => {
    const lines = new Set(), start = [...numbers];
    const chosen = new Set([...follow(start, left, "from", lines), ...follow(start, right, "to", lines)]);
    picture.classList.toggle("choosing", start.length > 0);
    for (const node of nodes) node.classList.toggle("on", chosen.has(node.dataset.node));
    for (const edge of edges) edge.classList.toggle("on", lines.has(edge));
  };
  const field = document.getElementById("graph-find"), status = document.getElementById("graph-status");
  const find = () => {
    const word = field.value.trim().toLowerCase();
    const found = word ? nodes.filter(node => node.textContent.toLowerCase().includes(word)) : [];
    choose(found.map(node => node.dataset.node));
    for (const node of nodes) node.classList.toggle("found", found.includes(node));
    status.textContent = word ? `${found.length} of ${nodes.length} nodes` : "";
    return found;
  };
  for (const node of nodes) {
    for (const name of ["mouseenter", "focus"]) node.addEventListener(name, () => choose([node.dataset.node]));
    for (const name of ["mouseleave", "blur"]) node.addEventListener(name, find);
  }
  field.addEventListener("input", () => find()[0]?.scrollIntoView({ block: "nearest", inline: "nearest" }));
  const size = picture.viewBox.baseVal;
  let scale = 1;
  const zoom = to => {
    scale = Math.min(4, Math.max(.05, to));
    picture.setAttribute("width", size.width * scale);
    picture.setAttribute("height", size.height * scale);
  };
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => {
    const factor = Number(button.dataset.zoom);
    zoom(factor ? scale * factor : Math.min(1, (picture.parentElement.clientWidth - 34) / size.width));
  });
  document.getElementById("graph-tools").hidden = false;
}

// Logs are compressed, which browsers would save. Where a page may not read files (file://), they still are saved.
const MOST_OF_LOG = 8 << 20;
async function readLog(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status);
  const bytes = await answer.arrayBuffer(), start = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  const packed = new Blob([bytes]).stream();
  const isPacked = start[0] === 0x1f && start[1] === 0x8b;
  const reader = (isPacked ? packed.pipeThrough(new DecompressionStream("gzip")) : packed).getReader();
  const decoder = new TextDecoder();
  let text = "", size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    size += value.length;
    if (size > MOST_OF_LOG) { reader.cancel(); return `${text}\n[the log is longer: save it to read the rest]`; }
  }
}
for (const link of location.protocol === "file:" ? [] : document.querySelectorAll("a.log")) {
  link.addEventListener("click", async event => {
    event.preventDefault();
    let text;
    try { text = await readLog(link.href) } catch { location.href = link.href; return }
    const dialog = document.createElement("dialog"), pre = document.createElement("pre");
    const close = document.createElement("button");
    dialog.setAttribute("aria-label", `Log of ${link.closest("tr").cells[0].textContent}`);
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    pre.textContent = text;
    pre.tabIndex = 0;
    dialog.append(close, pre);
    document.body.append(dialog);
    dialog.showModal();
  });
}
