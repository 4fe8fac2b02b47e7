"""Hooks of MkDocs, see .github/mkdocs.yml: pages that are made of files outside of this folder.

The README is the first page, CONTRIBUTING another one, and the page of settings gets every key of ``conf/``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from hela_seg.cli import COMMANDS, CONFIG
from hela_seg.cli.keys import Key, choices_of, groups_of, keys_of
from hela_seg.system.settings import signature_of, words_of

ROOT = Path(__file__).parents[1]
MADE_OF = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md"}
"""Pages, and the files at the root of the repository that they show."""

TAKES = {"train": "hela_seg.training.settings.TrainSettings"}
"""What takes the settings of a command."""

KEYS = "<!-- every key of conf/ stands here when the site is built -->"
_LINK = re.compile(r"(?P<before>\[(?P<words>[^\]]+)\](?:\(|: ))(?P<target>[^)\s#]+)(?P<after>[^)\s]*\)?)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out pages of the navigation that are not written yet."""
    there = {path.name for path in Path(config.docs_dir).glob("*.md")} | set(MADE_OF)
    config.nav = [_there(entry, there) for entry in config.nav or () if _there(entry, there)]
    return config


def _there(entry: Any, there: set[str]) -> Any:
    if isinstance(entry, dict):
        return {title: _there(below, there) for title, below in entry.items()}
    if isinstance(entry, list):
        return [page for page in entry if _there(page, there)]
    return entry if entry in there else None


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are files at the root of the repository."""
    for page, source in MADE_OF.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_relinked(text, "", config.repo_url)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what is made of the configuration, and lead links out of this folder to the repository."""
    if page.file.src_path in MADE_OF:
        return markdown
    if KEYS in markdown:
        markdown = markdown.replace(KEYS, "\n".join(_every_key()))
    return _relinked(markdown, "docs", config.repo_url)


def _relinked(text: str, folder: str, repository: str | None) -> str:
    """Links as they are on the site, from those of a file that lies in a folder of the repository.

    What is no page leads to the repository, and is text alone where its address is not known.
    """

    def relinked(link: re.Match[str]) -> str:
        if re.match(r"\w+:", link["target"]):
            return link[0]
        target = posixpath.normpath(posixpath.join(folder, link["target"]))
        page = next((page for page, source in MADE_OF.items() if source == target), None)
        if page is None and target.startswith("docs/"):
            page = target.removeprefix("docs/")
        if page is None and not repository:
            return link["words"]
        return link["before"] + (page or f"{repository}/blob/main/{target}") + link["after"]

    return _LINK.sub(relinked, text)


def _every_key() -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for name, command in COMMANDS.items():
        yield from (f"### hela-seg {name}", "", command.about, "")
        yield from _table(keys_of(CONFIG / f"{name}.yaml"), TAKES.get(name), 0)
        taken = groups_of(name)
        if taken:
            yield from (f"Groups: {', '.join(f'[`{group}`](#{group})' for group in taken)}.", "")
        for group, choice in taken.items():
            groups.setdefault(group, []).append(f"{choice or 'none'} in `{name}`")
    for group, defaults in groups.items():
        yield from (f"### {group}", "", f"By default {', '.join(defaults)}.", "")
        shown: set[Key] = set()
        for choice, about in choices_of(group).items():
            file = CONFIG / group / f"{choice}.yaml"
            keys = [key for key in keys_of(file, f"{group}.") if key not in shown]
            shown |= set(keys)
            yield from (f"**`{group}={choice}`**: {_cell(about)}", "")
            yield from _table(keys, _target(file), 1)


def _table(keys: Iterable[Key], target: str | None, depth: int) -> Iterator[str]:
    """Keys as a table; ``target`` takes those that lie so deep, and its annotations say what they may be."""
    rows = list(keys)
    hints = {} if target is None else signature_of(resolve_name(target))[1]
    taken = (hints.get(key.path.rpartition(".")[2]) if key.path.count(".") == depth else None for key in rows)
    may_be = ["" if hint is None else " or ".join(words_of(hint)) for hint in taken]
    if not rows:
        return
    headings, rule = ("key", "meaning", "default", "may be"), ["---"] * 4
    cells = [
        [f"`{key.path}`", key.meaning, f"`{key.default}`" if key.default else "", words]
        for key, words in zip(rows, may_be, strict=True)
    ]
    for row in (headings, rule, *cells):
        yield "| " + " | ".join(map(_cell, row if any(may_be) else row[:-1])) + " |"
    yield ""


def _target(file: Path) -> str | None:
    found = re.search(r"^(?:data:\n)?\s*_target_: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    bases = re.findall(r"^  - (\w+)(?:@\w+)?$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else next((_target(file.with_name(f"{base}.yaml")) for base in bases), None)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
