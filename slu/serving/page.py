"""The OpenAPI document as one page, with a form for every request. It loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}
section{border:1px solid #ccc;border-radius:6px;padding:0 1em 1em;margin:1em 0}
h2{font:600 1.1em ui-monospace,monospace}textarea{width:100%;font:14px ui-monospace,monospace;box-sizing:border-box}
pre{background:#f4f4f4;padding:.7em;white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit}
"""
_SCRIPT = """
for (const form of document.forms) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const out = form.querySelector("output"), body = form.querySelector("textarea");
  const token = document.getElementById("token").value;
  const headers = body ? {"content-type": "application/json"} : {};
  if (token) headers.authorization = "Bearer " + token;
  const name = form.querySelector("input"), path = form.dataset.path;
  const url = name ? path.replace("{name}", encodeURIComponent(name.value)) : path;
  try {
    const answer = await fetch(url, {method: form.dataset.method, headers, body: body ? body.value : undefined});
    const kind = answer.headers.get("content-type") || "";
    const text = kind.includes("octet-stream") ? (await answer.arrayBuffer()).byteLength + " bytes"
      : await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch (error) { /* it is no JSON */ }
    out.textContent = answer.status + "\\n" + shown;
  } catch (error) { out.textContent = String(error); }
});
for (const choice of document.querySelectorAll("select")) choice.addEventListener("change", () => {
  choice.form.querySelector("textarea").value = choice.value;
});
"""


def page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document."""
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{escape(document['info']['title'])}</title>",
        f"<style>{_STYLE}</style><h1>{escape(document['info']['title'])}</h1>",
        f"<p>{escape(document['info'].get('description', ''))} "
        "The whole description is in <a href=openapi.json>openapi.json</a>.</p>",
        "<p><label>Token, if the server asks for one: <input id=token type=password autocomplete=off></label></p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method.upper(), operation)
    return "\n".join([*parts, f"<script>{_SCRIPT}</script>"])


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section><h2>{method} {escape(path)}</h2>"
    text = operation.get("description") or operation.get("summary", "")
    yield from (f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
    yield f'<form data-method="{method}" data-path="{escape(path)}">'
    if "{name}" in path:
        yield "<p><label>name <input required></label></p>"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        examples = {
            name: json.dumps(one["value"], ensure_ascii=False, indent=1) for name, one in body["examples"].items()
        }
        options = (f'<option value="{escape(value)}">{escape(name)}</option>' for name, value in examples.items())
        yield f"<p><label>Example <select>{''.join(options)}</select></label></p>"
        yield f"<p><textarea rows=6>{escape(next(iter(examples.values())))}</textarea></p>"
    yield "<p><button>Send</button></p><pre><output></output></pre></form><ul>"
    for status, answer in operation["responses"].items():
        yield f"<li>{escape(str(status))}: {escape(answer.get('description', ''))}</li>"
    yield "</ul></section>"
