"""The bricks of the simulator's pages: escaping, the frame with its style, tables, buttons."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

STYLE = """
:root { --ink:#1c2430; --soft:#667085; --line:#e3e7ec; --back:#f5f6f8; --accent:#0b6e4f; --warn:#b42318;
  --flash:#fff3b0 }
* { box-sizing:border-box }
body { margin:0; background:var(--back); color:var(--ink); font:14px/1.45 system-ui,"Segoe UI",Roboto,sans-serif }
header { background:#fff; border-bottom:1px solid var(--line); padding:12px 24px; display:flex; gap:24px;
  align-items:center; flex-wrap:wrap }
header h1 { font-size:17px; margin:0 } header h1 small { color:var(--soft); font-weight:400; margin-left:8px }
nav { display:flex; gap:4px; margin-left:auto } nav a { padding:5px 11px; border-radius:6px; color:var(--ink);
  text-decoration:none } nav a:hover { background:var(--back) } nav a.here { background:var(--ink); color:#fff }
main { padding:18px 24px 40px; display:grid; gap:18px; grid-template-columns:minmax(0,1fr) 250px; align-items:start }
section { background:#fff; border:1px solid var(--line); border-radius:8px; overflow-x:auto }
section.wide { grid-column:1/-1 } .pair { grid-column:1/-1; display:grid; gap:18px;
  grid-template-columns:repeat(2,minmax(0,1fr)) }
h2 { font-size:13px; margin:0; padding:10px 14px; border-bottom:1px solid var(--line); display:flex; gap:12px;
  align-items:center; justify-content:space-between }
h2 form { margin:0 } h2 small { color:var(--soft); font-weight:400; margin-right:auto }
h2 input, h2 button { font-weight:400 }
table { border-collapse:collapse; width:100% }
th { text-align:left; color:var(--soft); font-weight:500; font-size:12px }
th,td { padding:6px 14px; border-bottom:1px solid var(--line); vertical-align:middle } tr:last-child td { border:0 }
td.n,th.n { text-align:right; white-space:nowrap; font-variant-numeric:tabular-nums }
td.n b { font-size:16px } td.n small { display:block; color:var(--soft); font-size:11px }
td.none { color:#b3bac4 } .minus { color:var(--warn) } .flash { animation:flash 2s }
@keyframes flash { from { background:var(--flash) } to { background:transparent } }
.sub { color:var(--soft); font-size:12px }
code { font:12px ui-monospace,Menlo,Consolas,monospace; background:var(--back);
  padding:1px 4px; border-radius:4px; white-space:pre } .tag { font-size:11px; padding:1px 6px; border-radius:9px;
  background:#eef2f6; color:var(--soft); margin-left:4px; white-space:nowrap }
form.row { display:flex; gap:4px; margin:0; white-space:nowrap } input,select,button { font:inherit; padding:3px 8px;
  border:1px solid #cfd5dd; border-radius:6px; background:#fff; color:inherit } input.qty { width:58px }
select { max-width:130px } button { cursor:pointer } button:hover { border-color:var(--ink) }
button.on { background:var(--warn); border-color:var(--warn); color:#fff } .switches { padding:8px 14px 12px }
.switches form { margin:0 0 6px } .switches button { width:100%; text-align:left } .switches p { margin:10px 0 6px;
  color:var(--soft); font-size:12px }
.order { padding:10px 14px; display:grid; gap:8px } .order div { display:flex; gap:6px; flex-wrap:wrap;
  align-items:center } .order input { width:130px } .order input.qty { width:58px } .order label { color:var(--soft) }
.order input[type=checkbox] { width:auto }
.note { grid-column:1/-1; background:#fef3f2; border:1px solid #fecdca; color:var(--warn); border-radius:8px;
  padding:9px 14px } .empty { padding:14px; color:var(--soft) } .pages { display:flex; gap:12px; padding:9px 14px;
  color:var(--soft); align-items:center } a { color:var(--accent) }
.ok { color:var(--accent) } .bad { color:var(--warn) }
#stores { grid-column:1/-1 }
.cards { display:grid; gap:18px; grid-template-columns:repeat(auto-fill,minmax(270px,1fr)) }
.cards a { background:#fff; border:1px solid var(--line); border-radius:8px; padding:16px; color:inherit;
  text-decoration:none } .cards a:hover { border-color:var(--accent) } .cards b { font-size:16px; display:block }
@media (max-width:1100px) { main { grid-template-columns:minmax(0,1fr) } .pair { grid-template-columns:minmax(0,1fr) } }
"""

# Fetches the page again and puts in what has changed; what a person is typing into is never part of it.
SCRIPT = """
setInterval(async () => {
  let text; try { text = await (await fetch(location.href)).text() } catch { return }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const next of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(next.id);
    if (!old || old.innerHTML === next.innerHTML) continue;
    old.innerHTML = next.innerHTML; old.className = next.className;
    if (next.dataset.live === "flash") { void old.offsetWidth; old.classList.add("flash") }
  }
}, 1500);
"""


def text(value: object) -> str:
    """Anything as escaped HTML; nothing as nothing."""
    return "" if value is None else escape(str(value))


def frame(title: str, header: str, body: str) -> str:
    """A whole page. `header` and `body` are HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{text(title)}</title><style>{STYLE}</style>"
        '<noscript><meta http-equiv="refresh" content="5"></noscript></head>'
        f"<body><header>{header}</header><main>{body}</main><script>{SCRIPT}</script></body></html>"
    )


def link(path: str, label: str, query: dict[str, object] | None = None, css: str = "") -> str:
    """An anchor; `query` values that are empty are left out."""
    given = {key: value for key, value in (query or {}).items() if value not in (None, "", 0)}
    address = f"{path}?{urlencode(given)}" if given else path
    return f'<a href="{text(address)}"{f" class={css}" if css else ""}>{text(label)}</a>'


def hidden(fields: dict[str, object]) -> str:
    return "".join(f'<input type="hidden" name="{text(name)}" value="{text(value)}">' for name, value in fields.items())


def post_form(path: str, fields: dict[str, object], inner: str, css: str = "") -> str:
    """A form that posts `fields` and whatever `inner` (HTML) holds."""
    return f'<form method="post" action="{text(path)}"{f" class={css}" if css else ""}>{hidden(fields)}{inner}</form>'


def button(label: str, action: str, css: str = "") -> str:
    """A submit button that names its action."""
    return f'<button name="action" value="{text(action)}"{f" class={css}" if css else ""}>{text(label)}</button>'


def table(head: Iterable[str], rows: Iterable[str], empty: str) -> str:
    """`head` are cells of HTML, `rows` whole rows of HTML; `empty` is said in place of no rows."""
    lines = "".join(rows)
    if not lines:
        return f'<div class="empty">{text(empty)}</div>'
    return f"<table><thead><tr>{''.join(head)}</tr></thead><tbody>{lines}</tbody></table>"


def live(name: str, inner: str) -> str:
    """A block that the page keeps up to date."""
    return f'<div id="{text(name)}" data-live="quiet">{inner}</div>'


def kept(query: dict[str, str]) -> dict[str, str]:
    """What a form carries so that the person comes back to the same place."""
    return {f"back_{name}": query[name] for name in ("search", "page") if query.get(name)}
