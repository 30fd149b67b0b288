"""Writes all changes of cargo-mutants into one copy of the sources, each behind a switch.

`a < b` becomes `(if crate::__mutant::on(7) { a <= b } else { a < b })`: the tests are built once, and
the environment variable TL_MUTANT turns one change on. A change is between marks (`/*<7*/`, `/*7>*/`),
so that a message of the compiler leads to it.
"""

import re

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

# What is put into each crate. `on` is a constant function because it is called in some; there it is
# always false. With TL_MUTANT_LOG, it appends each number that is asked for to that file, once.
SUPPORT = """
#[doc(hidden)]
#[allow(warnings, clippy::all)]
pub mod __mutant {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::OnceLock;
    static SEEN: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];
    static ACTIVE: OnceLock<(usize, Option<String>)> = OnceLock::new();
    pub const fn on(id: usize) -> bool {
        core::intrinsics::const_eval_select((id,), never, active)
    }
    const fn never(_: usize) -> bool { false }
    fn active(id: usize) -> bool {
        let (active, log) = ACTIVE.get_or_init(|| {
            let number = std::env::var("TL_MUTANT").ok().and_then(|text| text.parse().ok());
            (number.unwrap_or(usize::MAX), std::env::var("TL_MUTANT_LOG").ok())
        });
        if let Some(path) = log && !SEEN[id].swap(true, Ordering::Relaxed) {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{id}\\n").as_bytes()).unwrap();
        }
        *active == id
    }
}
"""

FEATURES = "#![feature(core_intrinsics, const_eval_select)]\n"

CHANGE = re.compile(rb"/\*(?:<(\d+)|(\d+)>)\*/")


def offset(lines, place):
    """The byte of a line and a column, which count characters from 1."""
    line = lines[place["line"] - 1]
    before = sum(len(text) for text in lines[: place["line"] - 1])
    return before + len(line.decode()[: place["column"] - 1].encode())


class Switches:
    """The changes of one file by the piece of the source that they replace."""

    def __init__(self, source, changes):
        self.source = source
        self.by_span = {}
        self.unused = {}
        lines = source.splitlines(keepends=True)
        for change in changes:
            span = (offset(lines, change["span"]["start"]), offset(lines, change["span"]["end"]))
            self.by_span.setdefault(span, []).append(change)
            self.unused[change["id"]] = change

    def take(self, node, *genres):
        """The changes of a node, or of a pair of bytes; each is used once."""
        span = node if isinstance(node, tuple) else (node.start_byte, node.end_byte)
        found = self.by_span.get(span, [])
        taken = [change for change in found if change["genre"] in genres and change["id"] in self.unused]
        for change in taken:
            del self.unused[change["id"]]
        return taken

    def raw(self, node):
        return self.source[node.start_byte : node.end_byte].decode()

    def pieces(self, node, without=()):
        """The text of a node with its children rendered, and those of `without` left out."""
        if not node.children:
            return self.raw(node)
        text, at = [], node.start_byte
        for child in node.children:
            text.append(self.source[at : child.start_byte].decode())
            if child.id not in without:
                text.append(self.render(child))
            at = child.end_byte
        text.append(self.source[at : node.end_byte].decode())
        return "".join(text)

    def render(self, node):
        handler = getattr(self, f"on_{node.type}", None)
        return handler(node) if handler else self.pieces(node)

    def choose(self, cases, otherwise):
        """An expression: the text of the change that is on, or the original. Only one is ever on,
        so that the pieces of a change are original text."""
        if not cases:
            return otherwise
        arms = " else ".join(f"if crate::__mutant::on({id}) {{ {mark(id, text)} }}" for id, text in cases)
        return f"({arms} else {{ {otherwise} }})"

    def on_binary_expression(self, node, form="({}) {} ({})"):
        operator = node.child_by_field_name("operator")
        changes = self.take(operator, "BinaryOperator")
        left, right = (self.raw(node.child_by_field_name(side)) for side in ("left", "right"))
        cases = [(change["id"], form.format(left, change["replacement"], right)) for change in changes]
        return self.choose(cases, self.pieces(node))

    def on_compound_assignment_expr(self, node):
        return self.on_binary_expression(node, "{} {} {}")

    def on_unary_expression(self, node):
        changes = self.take(node.children[0], "UnaryOperator") + self.take(node, "UnaryOperator")
        cases = [(change["id"], self.raw(node.children[1])) for change in changes]
        return self.choose(cases, self.pieces(node))

    def on_match_pattern(self, node):
        """A guard: replaced by a constant; and the switch that takes its arm away."""
        condition = node.child_by_field_name("condition")
        arm = [f"!{mark(change['id'], call(change['id']))}" for change in self.take(node.parent, "MatchArm")]
        if condition is None:
            return self.pieces(node) + (f" if {' && '.join(arm)}" if arm else "")
        cases = [(change["id"], change["replacement"]) for change in self.take(condition, "MatchArmGuard")]
        keyword = next(child for child in node.children if child.type == "if")
        pattern = self.source[node.start_byte : keyword.start_byte].decode()
        guard = self.choose(cases, self.render(condition))
        return f"{pattern}if {' && '.join([*arm, f'({guard})' if condition.type != 'let_chain' else guard])}"

    def on_struct_expression(self, node):
        body = node.child_by_field_name("body")
        cases = []
        for field in body.children:
            following = field.next_sibling
            end = following.end_byte if following is not None and following.type == "," else field.end_byte
            text = self.source[node.start_byte : field.start_byte] + self.source[end : node.end_byte]
            cases += [(change["id"], text.decode()) for change in self.take((field.start_byte, end), "StructField")]
        return self.choose(cases, self.pieces(node))

    def on_function_item(self, node):
        body = node.child_by_field_name("body")
        if body is None:
            return self.pieces(node)
        changes = [change for change in self.unused.values() if change["genre"] == "FnValue" and self.is_body(change, body)]
        for change in changes:
            del self.unused[change["id"]]
        head = self.source[node.start_byte : body.start_byte].decode()
        returned = node.child_by_field_name("return_type")
        if changes and returned is not None and self.raw(returned).startswith("impl "):
            # One type for the changes and the original.
            cases = [(change["id"], f"Box::new({change['replacement']})") for change in changes]
            boxed = f"Box<dyn {self.raw(returned).removeprefix('impl ')}>"
            return f"{head}{{ let result: {boxed} = {self.choose(cases, f'Box::new({self.pieces(body)})')}; result }}"
        early = " ".join(f"if {call(change['id'])} {{ {mark(change['id'], 'return ' + change['replacement'])}; }}" for change in changes)
        text = self.pieces(body)
        return f"{head}{{ {early} {text[1:]}"

    def is_body(self, change, body):
        """The changed piece is all statements of a block."""
        inside = [child for child in body.named_children if "comment" not in child.type]
        return bool(inside) and change["bytes"] == (inside[0].start_byte, inside[-1].end_byte)

    def on_let_chain(self, node):
        """`||` beside `let` is not Rust."""
        for child in node.children:
            for change in self.take(child, "BinaryOperator"):
                change["outcome"] = "does not compile"
        return self.pieces(node)


def call(id):
    return f"crate::__mutant::on({id})"


def mark(id, text):
    return f"/*<{id}*/{text}/*{id}>*/"


def rewrite(source, changes):
    """The source with its changes behind switches, and the changes that it could not place."""
    lines = source.splitlines(keepends=True)
    for change in changes:
        change["bytes"] = (offset(lines, change["span"]["start"]), offset(lines, change["span"]["end"]))
    switches = Switches(source, changes)
    text = switches.render(PARSER.parse(source).root_node)
    return text.encode(), [*switches.unused.values()]


def changes_at(text, start, end):
    """The numbers of the changes that a message about these bytes concerns: the innermost around
    its start, or else those inside."""
    open_at, spans = {}, []
    for found in CHANGE.finditer(text):
        opened, closed = found.groups()
        if opened:
            open_at[opened] = found.start()
        else:
            spans.append((open_at[closed], found.end(), int(closed)))
    around = [span for span in spans if span[0] <= start < span[1]]
    if around:
        return [min(around, key=lambda span: span[1] - span[0])[2]]
    return [id for first, last, id in spans if start <= first and last <= end]
