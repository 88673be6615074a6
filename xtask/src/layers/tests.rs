//! The check itself, on crates that are made up.

use super::Crate;
use super::Layer;
use super::imports;
use super::modules::Modules;
use super::source::Word;
use super::source::words;

const LAYERS: &[Layer] = &[
    Layer { name: "values", modules: &["value", "wide"] },
    Layer { name: "state", modules: &["state"] },
    Layer { name: "client", modules: &["client", "state::entry"] },
];

fn crate_of(files: &[(&str, &str)]) -> Modules {
    let has_root = files.iter().any(|(path, _)| *path == "lib.rs");
    let root = (!has_root).then_some(("lib.rs", ""));
    let all = files.iter().copied().chain(root);
    Modules::new(all.map(|(path, source)| (path.to_owned(), source.to_owned())).collect())
}

fn faults(files: &[(&str, &str)]) -> Vec<String> {
    Crate { name: "made-up", layers: LAYERS, exceptions: &[] }.faults(&crate_of(files))
}

#[test]
fn what_is_against_the_layers() {
    let table: &[(&[(&str, &str)], &[&str])] = &[
        // Downwards, and within a layer.
        (
            &[
                ("lib.rs", "mod client; mod state; mod value; pub use client::Client;"),
                (
                    "client.rs",
                    "use crate::state::State; use crate::value::{One, Other as Another};",
                ),
                ("state/mod.rs", "use crate::value::One; mod pool;"),
                ("state/pool.rs", "use super::State; use crate::value::One;"),
                ("value.rs", ""),
            ],
            &[],
        ),
        // Upwards, by every way to say it.
        (
            &[("state.rs", "use crate::client::Client;"), ("client.rs", "")],
            &["state (state) imports Client of client (client)"],
        ),
        (
            &[("state.rs", "fn f(_: &crate::client::Client) {}"), ("client.rs", "")],
            &["state (state) imports Client of client (client)"],
        ),
        (
            &[
                ("lib.rs", "pub use client::Client;"),
                ("value.rs", "use crate::Client;"),
                ("client.rs", ""),
            ],
            &["value (values) imports Client of client (client)"],
        ),
        (
            &[
                ("value.rs", "use crate::{client::{Client as C, self}, state};"),
                ("client.rs", ""),
                ("state.rs", ""),
            ],
            &[
                "value (values) imports Client, client of client (client)",
                "value (values) imports state of state (state)",
            ],
        ),
        (
            &[
                ("state/mod.rs", ""),
                ("state/pool.rs", "use super::super::client::*;"),
                ("client.rs", ""),
            ],
            &["state::pool (state) imports client of client (client)"],
        ),
        // The longest name counts.
        (
            &[
                ("state/mod.rs", ""),
                ("state/entry.rs", "use crate::client::Client;"),
                ("client.rs", ""),
            ],
            &[],
        ),
        // Tests and texts do not count.
        (
            &[
                (
                    "value.rs",
                    "#[cfg(test)] mod tests { use crate::client::Client; } // crate::client::A\n",
                ),
                ("value/tests.rs", "use crate::client::Client;"),
                (
                    "wide.rs",
                    r###"const A: &str = "crate::client::A"; const B: &str = r#"crate::client::"A"#; "###,
                ),
                ("client.rs", ""),
            ],
            &[],
        ),
        (&[("other.rs", "")], &["other is in no layer"]),
        // Circles: direct, and over three; not with what is inside.
        (
            &[("value.rs", "use crate::wide::A;"), ("wide.rs", "use crate::value::B;")],
            &["these import each other: value → wide, wide → value"],
        ),
        (
            &[
                ("state/mod.rs", "mod a; mod b; mod c; use a::A;"),
                ("state/a.rs", "use super::b::B; use super::State;"),
                ("state/b.rs", "use crate::state::c::C;"),
                ("state/c.rs", "fn c() { super::a::a() }"),
            ],
            &[
                "these import each other: state::a → state::b, state::b → state::c, state::c → state::a",
            ],
        ),
    ];
    for (files, expected) in table {
        assert_eq!(faults(files), *expected, "{files:?}");
    }
}

#[test]
fn exceptions_are_allowed_and_only_as_long_as_they_are_needed() {
    let upwards = [("state.rs", "use crate::client::Client;"), ("client.rs", "")];
    let exceptions = &[("state", "client"), ("value", "client")];
    let made_up = Crate { name: "made-up", layers: LAYERS, exceptions };
    assert_eq!(
        made_up.faults(&crate_of(&upwards)),
        ["value does not import client any more: no exception is needed"]
    );
}

#[test]
fn names_lead_to_where_they_are_defined() {
    let modules = crate_of(&[
        ("lib.rs", "pub use wire::Publish; mod wire; mod client;"),
        ("client.rs", "use crate::wire; use crate::Publish; fn f() { wire::op::run() }"),
        ("wire/mod.rs", "mod op; pub use op::*; pub use self::frame::Publish;"),
        ("wire/op.rs", ""),
        ("wire/frame.rs", ""),
    ]);
    let names = |import: &imports::Import| {
        (modules.name(import.from).to_owned(), modules.name(import.to).to_owned())
    };
    let found: Vec<_> = imports::of(&modules).iter().map(names).collect();
    let to = |module: &str| ("client".to_owned(), module.to_owned());
    assert_eq!(found, [to("wire"), to("wire::frame")]);
}

#[test]
fn words_of_a_source() {
    let table: &[(&str, &[Word<'_>])] = &[
        ("a::b", &[Word::Name("a"), Word::Path, Word::Name("b")]),
        ("/* a /* b */ c */ d", &[Word::Name("d")]),
        (r#""a\"b" c"#, &[Word::Name("c")]),
        (r##"br#"a"b"# c"##, &[Word::Name("c")]),
        (r"'a' '\'' '\u{1}' c", &[Word::Name("c")]),
        ("&'a str", &[Word::Mark('&'), Word::Name("a"), Word::Name("str")]),
        ("rb bc", &[Word::Name("rb"), Word::Name("bc")]),
        ("\"no end", &[]),
        ("'", &[]),
    ];
    for (source, expected) in table {
        assert_eq!(words(source), *expected, "{source}");
    }
}
