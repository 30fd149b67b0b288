//! Rust source as a flat list of tokens with lines, so that checks see code and neither comments nor look-alikes in strings.
//!
//! Documentation comments are dropped; items under `#[cfg(test)]` can be.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::failure::Failure;

/// One token. A group is its opening token, its content, its closing token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// First line of the token, from 1.
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Ident(String),
    Punct(char),
    /// As written, quotes included.
    Literal(String),
    Open(char),
    Close(char),
}

impl Token {
    pub(crate) fn ident(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Ident(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        match &self.kind {
            TokenKind::Ident(name) | TokenKind::Literal(name) => name == text,
            TokenKind::Punct(c) | TokenKind::Open(c) | TokenKind::Close(c) => {
                text.chars().eq(std::iter::once(*c))
            }
        }
    }
}

/// Which part of a file a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Everything,
    /// Without items under `#[cfg(test)]` and `#[test]`.
    WithoutTests,
}

/// The tokens of one file.
///
/// # Errors
/// The text is not made of Rust tokens.
pub(crate) fn tokens(text: &str, part: Part) -> Result<Vec<Token>, Failure> {
    // A byte order mark or a shebang line is no token.
    let stream: TokenStream = text
        .trim_start_matches('\u{feff}')
        .parse()
        .map_err(|e| Failure::new(format!("not Rust: {e}")))?;
    let mut tokens = Vec::new();
    flatten(stream, part, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, part: Part, out: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        if let Some((attribute, length)) = attribute(&trees[at..]) {
            if attribute.first().is_some_and(|word| word == "doc") {
                at += length;
                continue;
            }
            if part == Part::WithoutTests && is_test(&attribute) {
                at += length;
                at += item_length(&trees[at..]);
                continue;
            }
        }
        push(tree.clone(), part, out);
        at += 1;
    }
}

fn push(tree: TokenTree, part: Part, out: &mut Vec<Token>) {
    let line = tree.span().start().line;
    let mut add = |kind| out.push(Token { kind, line });
    match tree {
        TokenTree::Ident(ident) => add(TokenKind::Ident(ident.to_string())),
        TokenTree::Punct(punct) => add(TokenKind::Punct(punct.as_char())),
        TokenTree::Literal(literal) => add(TokenKind::Literal(literal.to_string())),
        TokenTree::Group(group) => {
            let (open, close) = match group.delimiter() {
                Delimiter::Parenthesis => ('(', ')'),
                Delimiter::Brace => ('{', '}'),
                Delimiter::Bracket => ('[', ']'),
                Delimiter::None => return flatten(group.stream(), part, out),
            };
            add(TokenKind::Open(open));
            flatten(group.stream(), part, out);
            let line = group.span_close().start().line;
            out.push(Token {
                kind: TokenKind::Close(close),
                line,
            });
        }
    }
}

/// The identifiers of an attribute that begins here, and how many trees it takes.
fn attribute(trees: &[TokenTree]) -> Option<(Vec<String>, usize)> {
    let is = |tree: &TokenTree, c| matches!(tree, TokenTree::Punct(p) if p.as_char() == c);
    let mut length = 1;
    if !is(trees.first()?, '#') {
        return None;
    }
    if is(trees.get(1)?, '!') {
        length += 1;
    }
    match trees.get(length)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            Some((identifiers(group.stream()), length + 1))
        }
        _ => None,
    }
}

fn identifiers(stream: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => found.extend(identifiers(group.stream())),
            _ => {}
        }
    }
    found
}

fn is_test(attribute: &[String]) -> bool {
    let has = |word: &str| attribute.iter().any(|ident| ident == word);
    attribute == ["test"]
        || (attribute.first().is_some_and(|word| word == "cfg") && has("test") && !has("not"))
}

/// How many trees the item takes that begins here: up to its `;` or its braces, further attributes included.
fn item_length(trees: &[TokenTree]) -> usize {
    let end = trees.iter().position(|tree| match tree {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    });
    end.map_or(trees.len(), |end| end + 1)
}

/// Every `.rs` file below a folder, sorted; without `tests.rs` and `tests/`, which are modules under `#[cfg(test)]`.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn code_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e| Failure::io(format!("could not read {}", dir.display()), &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(code_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, part: Part) -> String {
        let texts: Vec<String> = tokens(source, part)
            .unwrap()
            .into_iter()
            .map(|token| match token.kind {
                TokenKind::Ident(text) | TokenKind::Literal(text) => text,
                TokenKind::Punct(c) | TokenKind::Open(c) | TokenKind::Close(c) => c.to_string(),
            })
            .collect();
        texts.join(" ")
    }

    #[test]
    fn comments_and_documentation_are_no_tokens() {
        let source = "//! about\n/// todo!()\n// dbg!()\nfn f() { /* no */ g(\"todo!()\") }";
        assert_eq!(
            text(source, Part::Everything),
            "fn f ( ) { g ( \"todo!()\" ) }"
        );
    }

    #[test]
    fn tests_can_be_left_out() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n#[cfg(not(test))]\nfn c() {}\n#[cfg(test)]\n#[allow(unused)]\nuse x;\nfn d() {}";
        let kept = text(source, Part::WithoutTests);
        assert_eq!(
            kept,
            "fn a ( ) { } # [ cfg ( not ( test ) ) ] fn c ( ) { } fn d ( ) { }"
        );
        assert!(text(source, Part::Everything).contains("mod tests"));
    }

    #[test]
    fn tokens_know_their_lines() {
        let tokens = tokens("fn a()\n{\n    b();\n}\n", Part::Everything).unwrap();
        let line = |name: &str| {
            tokens
                .iter()
                .find(|token| token.is(name))
                .map(|token| token.line)
        };
        assert_eq!(
            (line("a"), line("b"), line("}")),
            (Some(1), Some(3), Some(4))
        );
    }
}
