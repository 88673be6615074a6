use super::*;

const MANIFEST: &str = "\
[package]
name = \"made-up\"

[features]
default = [\"ring\"]
## TLS with ring.
## On by default.
ring = [\"tls\", \"dep:ring\"]
## TLS. On by default, through `ring`.
tls = []
## Proxies.
proxy = [\"dep:a\", \"dep:b\"]

[dependencies]
proxy = [\"not a feature\"]
";

const README: &str = "\
## Before

| `proxy` | not in the table |

## Features

| feature | what it adds |
|---|---|
| (none) | anything |
| `ring` | TLS with ring. On by default. |
| `tls` | TLS. On by default, through `ring`. |
| `proxy` | Proxies. |

## After
";

#[test]
fn what_fits_is_accepted() {
    assert_eq!(compare(MANIFEST, README), [""; 0]);
}

#[test]
fn a_text_that_differs_is_told() {
    let readme = README.replace("Proxies.", "A proxy.");
    let [wrong] = &compare(MANIFEST, &readme)[..] else { panic!() };
    assert!(wrong.ends_with("| `proxy` | Proxies. |"), "{wrong}");
}

#[test]
fn a_row_that_is_missing_or_twice_is_told() {
    assert_eq!(compare(MANIFEST, &README.replace("| `proxy` | Proxies. |\n", "")).len(), 1);
    let twice =
        README.replace("| `proxy` | Proxies. |", "| `proxy` | Proxies. |\n| `proxy` | Proxies. |");
    assert_eq!(compare(MANIFEST, &twice).len(), 1);
}

#[test]
fn what_is_on_by_default_says_so() {
    let (manifest, readme) = (MANIFEST.replace("default = [\"ring\"]", "default = []"), README);
    assert_eq!(compare(&manifest, readme).len(), 2);
    let manifest = MANIFEST.replace("default = [\"ring\"]", "default = [\"ring\", \"proxy\"]");
    let [wrong] = &compare(&manifest, readme)[..] else { panic!() };
    assert!(wrong.contains("feature proxy"), "{wrong}");
}
