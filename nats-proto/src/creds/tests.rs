use std::format;
use std::string::String;
use std::string::ToString;

use proptest::prelude::*;

use super::*;

/// The credentials file of the NATS documentation.
const FILE: &str = "\
-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiI0NUc3MkhIQUVCRFBQV05ZWktMTUhQNUFYWFRSSUVDQlNVQUI2VDZRUjdVM1JZUFZaM05BIiwiaWF0IjoxNjM1Mzc1NTYxLCJpc3MiOiJBRDJNMzRXQk5HUUZZSzM3SURYNTNEUFJHNzRSTExUN0ZGV0JPQk1CVVhNQVZCQ1ZBVTVWS1dJWSIsIm5hbWUiOiJNeVVzZXIiLCJzdWIiOiJVQVdCWExTWlZaSE5ESVVSWTUyRjZXRVRGQ0ZaTFhZVUVGSkFIUlhEVzdEMks0NDQ1SVk0QlZYUCIsIm5hdHMiOnsicHViIjp7fSwic3ViIjp7fSwic3VicyI6LTEsImRhdGEiOi0xLCJwYXlsb2FkIjotMSwidHlwZSI6InVzZXIiLCJ2ZXJzaW9uIjoyfX0.CGymhGYHfdZyhUeucxNs9TthSjy_27LVZikqxvm-pPLili8KNe1xyOVnk_w-xPWdrCx_t3Se2lgXmoy3wBcVCw
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E
------END USER NKEY SEED------

*************************************************************
";

const JWT: &str = "eyJ0eXAiOiJKV1QifQ.eyJuYXRzIjp7fX0.c2ln-_";
const SEED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";

fn read(text: &str) -> Result<(Option<&str>, Option<&str>), CredsParseError> {
    Credentials::new(text).map(|found| (found.jwt(), found.seed()))
}

fn expand(short: &str) -> String {
    short.replace('|', "\n").replace('§', JWT).replace('$', SEED)
}

#[test]
fn reads_the_file_of_the_documentation() {
    let (jwt, seed) = read(FILE).unwrap();
    assert!(jwt.unwrap().starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ."));
    assert!(jwt.unwrap().ends_with("wBcVCw"));
    assert_eq!(seed, Some(SEED));
    let indented = FILE.lines().map(|line| format!("    {line}  \r\n")).collect::<String>();
    assert_eq!(read(&format!("\u{FEFF}{indented}")).unwrap(), (jwt, seed));
}

/// `§` is a JWT, `$` a seed, `|` the end of a line.
#[test]
fn reads_what_people_make_of_it() {
    let both = Ok((Some(JWT), Some(SEED)));
    let only_jwt = Ok((Some(JWT), None));
    let only_seed = Ok((None, Some(SEED)));
    for (text, expected) in [
        ("§", only_jwt),
        ("  §  ||", only_jwt),
        ("\u{FEFF}§\r", only_jwt),
        ("$", only_seed),
        ("\u{FEFF}\r||$\r|", only_seed),
        ("§|$", both),
        ("$|§", both),
        ("---BEGIN NATS USER JWT---|§|---END NATS USER JWT---", only_jwt),
        ("-----BEGIN USER NKEY SEED-----|$|------END USER NKEY SEED------", only_seed),
        // Any words, any number of dashes, blank lines, no ends.
        ("--- whose ---|§|---- ----|| ------- key ----|$|--------", both),
        ("-----BEGIN NATS USER JWT-----|||§||-----BEGIN USER NKEY SEED-----||$|", both),
        ("------|§|------|------|$|------|", both),
        ("# comment|user: joe|§|see https://a.b.c|SUPPORT|$", both),
        // The first counts.
        ("§|eyJ0.eyJ0.c2ln|$|SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", both),
        // A mistake in a seed is not what makes it disappear.
        ("§|SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZ", Ok((Some(JWT), Some(&SEED[..36])))),
    ] {
        assert_eq!(read(&expand(text)), expected, "{text}");
    }
}

#[test]
fn says_what_is_missing() {
    for (text, expected) in [
        ("", CredsParseError::Missing),
        ("\u{FEFF}\r\n", CredsParseError::Missing),
        ("a|b", CredsParseError::Missing),
        ("a.b.c|www.example.com|SUPPORT", CredsParseError::Missing),
        ("eyJ0.eyJ0", CredsParseError::Missing),
        ("eyJ0.eyJ0.", CredsParseError::Missing),
        ("eyJ0.e/J0.c2ln", CredsParseError::Missing),
        ("eyJ0.eyJ0.c2ln.x", CredsParseError::Missing),
        ("-----BEGIN NATS USER JWT-----", CredsParseError::Jwt),
        (
            "-----BEGIN NATS USER JWT-----|eyJ0.eyJ0|-----END NATS USER JWT-----|$",
            CredsParseError::Jwt,
        ),
        (
            "-----BEGIN NATS USER JWT-----|------|-----BEGIN USER NKEY SEED-----",
            CredsParseError::Jwt,
        ),
        ("§|-----BEGIN USER NKEY SEED-----||-----END USER NKEY SEED-----", CredsParseError::Seed),
        (
            "§|-----BEGIN USER NKEY SEED-----|SUAP|-----END USER NKEY SEED-----",
            CredsParseError::Seed,
        ),
        ("§|-----BEGIN USER NKEY SEED-----|suap2ay6uawhoxjbwdnrnkj2dhnc5v", CredsParseError::Seed),
    ] {
        assert_eq!(read(&expand(text)), Err(expected), "{text}");
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", Credentials::new(FILE).unwrap());
    assert_eq!(shown, "Credentials { has_jwt: true, has_seed: true }");
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in any::<String>()) {
        let _ = read(&text);
    }

    /// Lines in any order, with anything between them.
    #[test]
    fn what_is_found_is_in_the_text(
        lines in prop::collection::vec(
            prop_oneof![
                Just("-----BEGIN NATS USER JWT-----".to_string()),
                Just("------END USER NKEY SEED------".to_string()),
                Just("-----BEGIN USER NKEY SEED-----".to_string()),
                Just(JWT.to_string()),
                Just(SEED.to_string()),
                "[-.SUey \\PC]{0,60}",
            ],
            0..12,
        ),
        end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")],
    ) {
        let text = lines.join(end);
        if let Ok((jwt, seed)) = read(&text) {
            prop_assert!(jwt.is_some() || seed.is_some());
            prop_assert!(jwt.is_none_or(is_jwt) && seed.is_none_or(is_seed));
        } else {
            prop_assert!(!(lines.iter().any(|l| l == JWT) && lines.iter().any(|l| l == SEED))
                || text.contains("BEGIN"));
        }
    }
}
