//! The address of a server: what `tokio-postgres` reads, and the TLS options of libpq that it does
//! not know.

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::error::{Error, ErrorKind, Result};

/// How the connection is encrypted: `sslmode` of libpq, with its meaning
/// (PostgreSQL's documentation, "SSL Support", table "SSL Mode Descriptions").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Never.
    Disable,
    /// If the server insists.
    Allow,
    /// If the server can. The default.
    Prefer,
    /// Always; the certificate is not checked, unless `sslrootcert` names its issuer.
    Require,
    /// Always; a trusted issuer has signed the certificate.
    VerifyCa,
    /// Always; the certificate is also that of the host.
    VerifyFull,
}

/// Which issuers of certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of this program.
    BuiltIn,
    /// Those of the system: `sslrootcert=system`.
    System,
    /// Those in this file.
    File(String),
}

/// A server, a database and a user.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
    pub(super) roots: Roots,
}

impl Address {
    /// Reads a URL or the keyword form of libpq. No part of the text is in an error, because it may
    /// contain a password.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (rest, options) = if let Some(query) = query_start(text) {
            take_from_url(text, query)
        } else if is_url(text) {
            (text.to_owned(), Vec::new())
        } else {
            take_from_keywords(text)?
        };
        let config: Config = rest
            .parse()
            .map_err(|_| invalid("the address of the database is not valid"))?;
        let mut address = Self {
            config,
            tls: TlsMode::Prefer,
            roots: Roots::BuiltIn,
        };
        for (name, value) in options {
            match name {
                "sslmode" => address.tls = TlsMode::read(&value)?,
                _ if value == "system" => address.roots = Roots::System,
                _ => address.roots = Roots::File(value),
            }
        }
        match (address.tls, &address.roots) {
            // As libpq does: nobody names an issuer without wanting it to be checked.
            (TlsMode::Require, Roots::File(_)) => address.tls = TlsMode::VerifyCa,
            (TlsMode::VerifyFull, Roots::System) => {}
            (_, Roots::System) => {
                return Err(invalid("`sslrootcert=system` needs `sslmode=verify-full`"));
            }
            _ => {}
        }
        // PostgreSQL does not encrypt local sockets, and libpq ignores the mode.
        let hosts = address.config.get_hosts();
        if !hosts.is_empty() && hosts.iter().all(|host| !matches!(host, Host::Tcp(_))) {
            address.tls = TlsMode::Disable;
        }
        Ok(address)
    }

    /// The servers, for messages.
    pub(super) fn servers(&self) -> String {
        let ports = self.config.get_ports();
        let names: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(n, host)| {
                let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
                match host {
                    Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
                    Host::Tcp(name) => format!("{name}:{port}"),
                    #[cfg(unix)]
                    Host::Unix(folder) => folder
                        .join(format!(".s.PGSQL.{port}"))
                        .display()
                        .to_string(),
                }
            })
            .collect();
        names.join(", ")
    }
}

impl TlsMode {
    fn read(text: &str) -> Result<Self> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(invalid(
                    "`sslmode` is not one of disable, allow, prefer, require, verify-ca, \
                     verify-full",
                ));
            }
        })
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

const OPTIONS: [&str; 2] = ["sslmode", "sslrootcert"];

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// Where the query of a URL starts. A `?` before the `@` is part of the password, and a later `@` has
/// to be percent-encoded.
fn query_start(text: &str) -> Option<usize> {
    if !is_url(text) {
        return None;
    }
    let host = text.find('@').unwrap_or_default();
    text[host..].find('?').map(|query| host + query)
}

type Options = Vec<(&'static str, String)>;

fn take_from_url(text: &str, query: usize) -> (String, Options) {
    let mut options = Options::new();
    let mut kept = Vec::new();
    for pair in text[query + 1..].split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match OPTIONS.into_iter().find(|option| *option == name) {
            Some(option) => {
                let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
                options.push((option, value));
            }
            None => kept.push(pair),
        }
    }
    let mut rest = text[..query].to_owned();
    if !kept.is_empty() {
        rest.push('?');
        rest.push_str(&kept.join("&"));
    }
    (rest, options)
}

fn take_from_keywords(text: &str) -> Result<(String, Options)> {
    let mut options = Options::new();
    let mut kept = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let start = rest;
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| invalid("the address of the database is not valid"))?;
        let (value, after) = keyword_value(after.trim_start())
            .ok_or_else(|| invalid("the address of the database has an unfinished quotation"))?;
        let name = name.trim_end();
        match OPTIONS.into_iter().find(|option| *option == name) {
            Some(option) => options.push((option, value)),
            None => {
                kept.push_str(&start[..start.len() - after.len()]);
                kept.push(' ');
            }
        }
        rest = after.trim_start();
    }
    Ok((kept, options))
}

/// The value at the start of the text, and what follows it.
fn keyword_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    let is_quoted = text.starts_with('\'');
    if is_quoted {
        characters.next();
    }
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if is_quoted => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ if character.is_whitespace() && !is_quoted => return Some((value, &text[at..])),
            _ => value.push(character),
        }
    }
    (!is_quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn tls_options_are_read_in_both_forms() {
        let check = |text: &str, tls: TlsMode, roots: Roots| {
            let address = parse(text);
            assert_eq!((address.tls, address.roots), (tls, roots), "{text}");
            assert_eq!(address.config.get_user(), Some("tl"), "{text}");
            assert_eq!(address.config.get_dbname(), Some("v"), "{text}");
        };
        let file = |name: &str| Roots::File(name.to_owned());
        let own = Roots::BuiltIn;
        check("postgres://tl@h/v", TlsMode::Prefer, own.clone());
        check(
            "postgres://tl@h/v?sslmode=disable",
            TlsMode::Disable,
            own.clone(),
        );
        check(
            "postgresql://tl:p?w@h/v?sslmode=allow",
            TlsMode::Allow,
            own.clone(),
        );
        check(
            "postgres://h/v?user=tl&sslmode=require&password=a%40b?c",
            TlsMode::Require,
            own.clone(),
        );
        check(
            "postgres://tl@h/v?sslmode=verify-full&sslrootcert=system",
            TlsMode::VerifyFull,
            Roots::System,
        );
        check(
            "postgres://tl@h/v?sslrootcert=%2Fa%20b.pem&sslmode=require",
            TlsMode::VerifyCa,
            file("/a b.pem"),
        );
        check(
            "host=h user=tl sslmode = verify-ca sslrootcert='/a \\'b.pem' dbname=v",
            TlsMode::VerifyCa,
            file("/a 'b.pem"),
        );
        check("host=h user=tl dbname=v", TlsMode::Prefer, own.clone());
        // Local sockets are not encrypted.
        check(
            "host=/run user=tl dbname=v sslmode=verify-full",
            TlsMode::Disable,
            own,
        );
    }

    #[test]
    fn wrong_options_are_refused_without_the_password() {
        for text in [
            "postgres://tl:secret@h/v?sslmode=on",
            "postgres://tl:secret@h/v?sslmode=require&sslrootcert=system",
            "postgres://tl:secret@h/v?unknown=1",
            "postgres://tl:secret@[/v",
            "host=h password=secret sslmode='require",
            "host=h password=secret sslmode",
        ] {
            let error = Address::parse(text).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn servers_are_named_with_their_ports() {
        assert_eq!(
            parse("postgres://tl:secret@a:1,b/v").servers(),
            "a:1, b:5432"
        );
        assert_eq!(parse("host=/run user=tl").servers(), "/run/.s.PGSQL.5432");
    }
}
