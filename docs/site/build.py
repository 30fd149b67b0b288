"""Builds the documentation site with mdBook, and checks its links.

    python3 docs/site/build.py [--tl PROGRAM] [--mdbook PROGRAM] [--repository URL]

The site is written to target/site. Chapters about all commands and rules are generated from the
program `tl`, which is built unless --tl names one. Links to files of the source become links to
the repository, if its URL is given, and plain text otherwise. mdBook calls this file again, with
the argument `preprocess`.
"""

import argparse
import html.parser
import json
import os
import pathlib
import posixpath
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "target" / "site"

# Chapters that include a document of the root.
ROOT_CHAPTERS = {
    "ARCHITECTURE.md": "site/architecture.md",
    "SECURITY.md": "site/security.md",
    "CONTRIBUTING.md": "site/contributing.md",
    "CHANGELOG.md": "site/changes.md",
    "README.md": "about.md",
}

LINK = re.compile(r"(!?)\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def chapters(items):
    """All chapters, in order, with those below them."""
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def outside_code(text, change):
    """Applies `change` to the lines that are not in a block of code."""
    result, fence = [], None
    for line in text.split("\n"):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark:
            fence = None if fence else mark.group(1)
        result.append(line if fence or mark else change(line))
    return "\n".join(result)


def rewrite(path, text, known, repository):
    """Makes the links of a chapter valid in the site."""
    included = path in ROOT_CHAPTERS.values() and path != "about.md"
    folder = "" if included else posixpath.join("docs", posixpath.dirname(path))

    def replace(match):
        mark, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group(0)
        name, hash_mark, anchor = target.partition("#")
        source = posixpath.normpath(posixpath.join(folder, name))
        in_site = ROOT_CHAPTERS.get(source) or source.removeprefix("docs/")
        is_page = in_site in known
        is_file = source.startswith("docs/") and not source.endswith(".md") and (ROOT / source).is_file()
        if is_page or is_file:
            to = posixpath.relpath(in_site, posixpath.dirname(path) or ".")
            return f"{mark}[{label}]({to}{hash_mark}{anchor})"
        if repository:
            return f"{mark}[{label}]({repository.rstrip('/')}/blob/main/{source}{hash_mark}{anchor})"
        return label

    return outside_code(text, lambda line: LINK.sub(replace, line))


def run(program, *arguments):
    environment = dict(os.environ, COLUMNS="100", NO_COLOR="1", TL_CONFIG="", XDG_CONFIG_HOME="/nonexistent")
    result = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=True)
    return result.stdout


def subcommands(text):
    block = text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  ([a-z][a-z0-9-]*)", block, re.MULTILINE)
    return [name for name in names if name != "help"]


def own_part(text):
    """The help without the options that every command has."""
    return re.sub(r"\n(Output|Connection):\n(.|\n)*?(?=\n\S|\Z)", "", text).rstrip()


def all_commands(program):
    """The help of every command, from the program itself."""
    parts = ["# All commands\n", "Generated from `tl --help` and the help of every command. The options of the groups "
             "*Output* and *Connection* exist everywhere and are in the first help only.\n"]

    def add(words):
        text = run(program, *words, "--help")
        parts.append(f"{'#' * (len(words) + 2) if len(words) < 4 else '######'} `{' '.join(['tl', *words])}`\n")
        parts.append(f"```text\n{(own_part(text) if words else text.rstrip())}\n```\n")
        for name in subcommands(text):
            add([*words, name])

    add([])
    return "\n".join(parts)


def all_rules(program):
    """The rule packs, from the program itself."""
    parts = ["# Rules\n", "The requirements of the platform as `tl` applies them, generated from `tl rules`. "
             f"Each has its source.\n\n```text\n{run(program, 'rules', 'list').rstrip()}\n```\n"]
    for pack in json.loads(run(program, "rules", "list", "--json")):
        parts.append(f"## {pack['name']}\n\n```text\n{run(program, 'rules', 'show', pack['name']).rstrip()}\n```\n")
    return "\n".join(parts)


def generated(name, path, content, parent):
    return {"Chapter": {
        "name": name, "content": content, "number": None, "sub_items": [], "path": path,
        "source_path": None, "parent_names": [*parent["parent_names"], parent["name"]],
    }}


def preprocess():
    if sys.argv[2:3] == ["supports"]:
        return
    _, book = json.load(sys.stdin)
    items = book.get("items") or book["sections"]
    repository = os.environ.get("TL_SITE_REPOSITORY", "")
    program = os.environ["TL_SITE_PROGRAM"]
    for chapter in chapters(items):
        if chapter["path"] == "command.md":
            chapter["sub_items"] = [
                generated("All commands", "site/commands.md", all_commands(program), chapter),
                generated("Rules", "site/rules.md", all_rules(program), chapter),
            ]
    known = {chapter["path"] for chapter in chapters(items)}
    for chapter in chapters(items):
        chapter["content"] = rewrite(chapter["path"], chapter["content"], known, repository)
    json.dump(book, sys.stdout)


class Page(html.parser.HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(folder):
    """Links to pages, files and anchors of the site that do not exist."""
    pages = {path: Page(path.read_text()) for path in folder.rglob("*.html")}
    # The page that a server returns for a missing one has links for the root of a server.
    pages = {path: page for path, page in pages.items() if path.name != "404.html"}
    found = []
    for path, page in pages.items():
        for link in page.links:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            anchor = urllib.parse.unquote(url.fragment)
            if not target.exists():
                found.append(f"{path.relative_to(folder)}: no file `{link}`")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{path.relative_to(folder)}: no anchor `{link}`")
    return len(pages), found


def control():
    """The check finds a link that is wrong on purpose."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        (folder / "a.html").write_text('<a href="gone.html"></a><a href="#gone"></a><a id="x" href="#x"></a>')
        _, found = broken_links(folder)
    if len(found) != 2:
        sys.exit(f"site: the check of links cannot fail: {found}")


def mdbook():
    """The pinned program, installed once."""
    requirements = pathlib.Path(__file__).with_name("requirements.txt")
    folder = ROOT / "target" / "python" / "site"
    finished = folder / "finished.txt"
    if not finished.is_file() or finished.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", str(requirements)], check=True)
        finished.write_text(requirements.read_text())
    return str(folder / "bin" / "mdbook")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tl", help="the program tl")
    parser.add_argument("--mdbook", help="the program mdbook")
    parser.add_argument("--repository", default="", help="URL of the repository, for links to the source")
    arguments = parser.parse_args()
    start = time.monotonic()
    program = arguments.tl
    if not program:
        subprocess.run(["cargo", "build", "--quiet", "--package", "twelvelabs-cli", "--bin", "tl"], cwd=ROOT, check=True)
        program = str(ROOT / "target" / "debug" / "tl")
    environment = dict(os.environ, TL_SITE_PROGRAM=os.path.abspath(program), TL_SITE_REPOSITORY=arguments.repository)
    subprocess.run([arguments.mdbook or mdbook(), "build", str(DOCS)], env=environment, cwd=DOCS, check=True)
    control()
    count, found = broken_links(SITE.resolve())
    for finding in found:
        print(f"site: {finding}", file=sys.stderr)
    if found or count < 30:
        sys.exit(f"site: {len(found)} broken links on {count} pages")
    print(f"site: {count} pages in {SITE}, links ok, {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    preprocess() if sys.argv[1:2] == ["preprocess"] else main()
