use std::string::String;
use std::string::ToString;

use data_encoding::BASE32_NOPAD;
use data_encoding::BASE64URL_NOPAD;

use super::*;

/// Seeds and public keys that stand in the NATS documentation.
const PAIRS: [(&str, &str); 8] = [
    (
        "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
        "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
    ),
    (
        "SOAEW6Z4HCCGSLZJYZQMGFQY2SY6ZKOPIAKUQ5VZY6CW23WWYRNHTQWVOA",
        "OAZBRNE7DQGDYT5CSAGWDMI5ENGKOEJ57BXVU6WUTHFEAO3CU5GLQYF5",
    ),
    (
        "SAAA4BVFTJMBOW3GAYB3STG3VWFSR4TP4QJKG2OCECGA26SKONPFGC4HHE",
        "ADUQTJD4TF4O6LTTHCKDKSHKGBN2NECCHHMWFREPKNO6MPA7ZETFEEF7",
    ),
    (
        "SUAG35IAY2EF5DOZRV6MUSOFDGJ6O2BQCZHSRPLIK6J3GVCX366BFAYSNA",
        "UDBD5FNQPSLIO6CDMIS5D4EBNFKYWVDNULQTFTUZJXWFNYLGFF52VZN7",
    ),
    (
        "SOAJ3JDZBE6JKJO277CQP5RIAA7I7HBI44RDCMTIV3TQRYQX35OTXSMHAE",
        "ODSWWTKZLRDFBPXNMNAY7XB2BIJ45SV756BHUT7GX6JQH6W7AHVAFX6C",
    ),
    (
        "SAAACXWSQIKJ4L2SEAUZJR3BCNSRCN32V5UJSABCSEP35Q7LQRPV6F4JPI",
        "AD2M34WBNGQFYK37IDX53DPRG74RLLT7FFWBOBMBUXMAVBCVAU5VKWIY",
    ),
    (
        "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E",
        "UAWBXLSZVZHNDIURY52F6WETFCFZLXYUEFJAHRXDW7D2K4445IY4BVXP",
    ),
    (
        "SUAOY5JZ2WJKVR4UO2KJ2P3SW6FZFNWEOIMAXF4WZEUNVQXXUOKGM55CYE",
        "UDXB2VMLXPASAJ7ZDTKYNQ7QOCFWSGB4FOMYQQ25HQWSAF7ZQJEBSQSW",
    ),
];

fn replaced(text: &str, at: usize, with: &str) -> String {
    let mut text = text.to_string();
    text.replace_range(at..=at, with);
    text
}

#[test]
fn public_keys_are_checked() {
    for (_, text) in PAIRS {
        let key = PublicKey::new(text).unwrap();
        assert_eq!((key.as_str(), key.to_string().as_str()), (text, text));
        assert_eq!(key.kind(), KeyKind::of_prefix((text.as_bytes()[0] - b'A') << 3).unwrap());
        assert_eq!(std::format!("{key:?}"), std::format!("PublicKey({text})"));
    }
    let (seed, good) = PAIRS[0];
    for (text, expected) in [
        ("", NkeyError::Length),
        (&good[1..], NkeyError::Length),
        (seed, NkeyError::Length),
        (&good.to_lowercase(), NkeyError::Encoding),
        (&replaced(good, 9, "1"), NkeyError::Encoding),
        (&replaced(good, 9, "A"), NkeyError::Checksum),
        (&replaced(good, 0, "A"), NkeyError::Checksum),
        (&replaced(good, 55, "5"), NkeyError::Checksum),
        (&"A".repeat(35), NkeyError::Length),
    ] {
        assert_eq!(PublicKey::new(text), Err(expected), "{text}");
        assert!(!expected.to_string().is_empty());
    }
    // A checksum that is right does not make a key of everything.
    let mut bytes = [0; 35];
    bytes[0] = b'Z';
    let checksum = crc16(&bytes[..33]);
    bytes[33..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(PublicKey::new(&BASE32_NOPAD.encode(&bytes)), Err(NkeyError::Prefix));
}

#[test]
fn a_signature_as_text() {
    let text = SignatureText::new(&[0xFB; 64]);
    assert_eq!(text.as_str(), BASE64URL_NOPAD.encode(&[0xFB; 64]));
    assert!(text.as_str().starts_with("-_v7"));
    assert_eq!(std::format!("{text:?}"), "SignatureText(..)");
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc16(b"123456789"), 0x31C3);
}

#[cfg(feature = "nkeys")]
mod signing {
    use super::*;

    #[test]
    fn seeds_have_the_public_keys_of_the_documentation() {
        for (seed, public) in PAIRS {
            let pair = KeyPair::from_seed(seed).unwrap();
            assert_eq!(pair.public_key().as_str(), public);
            assert_eq!(pair.public_key(), PublicKey::new(public).unwrap());
            assert_eq!(pair.kind(), pair.public_key().kind());
            assert_eq!(std::format!("{pair:?}"), std::format!("KeyPair({public})"));
        }
    }

    #[test]
    fn seeds_are_checked() {
        let (good, public) = PAIRS[0];
        for (text, expected) in [
            ("", NkeyError::Length),
            (public, NkeyError::Length),
            (&good[1..], NkeyError::Length),
            (&good.to_lowercase(), NkeyError::Encoding),
            (&replaced(good, 9, "1"), NkeyError::Encoding),
            (&replaced(good, 10, "A"), NkeyError::Checksum),
            (&replaced(good, 1, "A"), NkeyError::Checksum),
        ] {
            assert_eq!(KeyPair::from_seed(text).unwrap_err(), expected, "{text}");
        }
        for (first, second) in [(b'P' - b'A', 0), (b'S' - b'A', b'Z' - b'A')] {
            let mut bytes = [0; 36];
            bytes[0] = (first << 3) | (second >> 2);
            bytes[1] = second << 6;
            let checksum = crc16(&bytes[..34]);
            bytes[34..].copy_from_slice(&checksum.to_le_bytes());
            let text = BASE32_NOPAD.encode(&bytes);
            assert_eq!(KeyPair::from_seed(&text).unwrap_err(), NkeyError::Prefix, "{text}");
        }
    }

    #[test]
    fn what_was_signed_is_verified() {
        let [pair, other] = [0, 3].map(|at: usize| KeyPair::from_seed(PAIRS[at].0).unwrap());
        let signature = pair.sign(b"nonce");
        assert_eq!(signature, pair.sign(b"nonce"), "it is deterministic");
        assert!(pair.public_key().verify(b"nonce", &signature));
        assert!(!pair.public_key().verify(b"nonsense", &signature));
        assert!(!other.public_key().verify(b"nonce", &signature));
        assert!(!pair.public_key().verify(b"nonce", &[0; 64]));
    }

    /// The account of the documentation signed the JWT of its user, by somebody else's code.
    #[test]
    fn somebody_elses_signature_is_verified() {
        let account = PublicKey::new(PAIRS[5].1).unwrap();
        let (signed, signature) = JWT.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let signature = signature.try_into().unwrap();
        assert!(account.verify(signed.as_bytes(), &signature));
        let pair = KeyPair::from_seed(PAIRS[5].0).unwrap();
        assert_eq!(pair.sign(signed.as_bytes()), signature);
        assert!(JWT.ends_with(SignatureText::new(&signature).as_str()));
    }

    const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiI0NUc3MkhIQUVCRFBQV05ZWktMTUhQNUFYWFRSSUVDQlNVQUI2VDZRUjdVM1JZUFZaM05BIiwiaWF0IjoxNjM1Mzc1NTYxLCJpc3MiOiJBRDJNMzRXQk5HUUZZSzM3SURYNTNEUFJHNzRSTExUN0ZGV0JPQk1CVVhNQVZCQ1ZBVTVWS1dJWSIsIm5hbWUiOiJNeVVzZXIiLCJzdWIiOiJVQVdCWExTWlZaSE5ESVVSWTUyRjZXRVRGQ0ZaTFhZVUVGSkFIUlhEVzdEMks0NDQ1SVk0QlZYUCIsIm5hdHMiOnsicHViIjp7fSwic3ViIjp7fSwic3VicyI6LTEsImRhdGEiOi0xLCJwYXlsb2FkIjotMSwidHlwZSI6InVzZXIiLCJ2ZXJzaW9uIjoyfX0.CGymhGYHfdZyhUeucxNs9TthSjy_27LVZikqxvm-pPLili8KNe1xyOVnk_w-xPWdrCx_t3Se2lgXmoy3wBcVCw";
}
