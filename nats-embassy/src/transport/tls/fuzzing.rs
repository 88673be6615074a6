//! What the fuzz target does with its input. In the crate, so that it always compiles, and so that the
//! unit tests run the corpus.

use heapless::Vec;

use super::chain;
use super::chain::Expected;
use super::chain::MAX_SENT;
use super::name::ServerName;

/// Names that the corpus has certificates for, and one that it has not.
const NAMES: [&str; 4] = ["leaf.example.com", "192.0.2.7", "2001:db8::7", "nobody"];

/// Verifies certificates: each after its length in two bytes, those that are trusted before the others.
pub fn certificates(data: &[u8]) {
    let mut rest = data;
    let issuers = next(&mut rest).unwrap_or_default();
    let _ = chain::check_trusted(issuers);
    let mut sent: Vec<&[u8], MAX_SENT> = Vec::new();
    while let Some(certificate) = next(&mut rest) {
        if sent.push(certificate).is_err() {
            break;
        }
    }
    for name in NAMES.into_iter().filter_map(ServerName::read) {
        for now in [None, Some(1_900_000_000)] {
            let result = chain::verify(&sent, &Expected { issuers, name, now });
            assert!(result.is_err() || !issuers.is_empty());
        }
    }
}

/// As many bytes as there are, if there are too few.
fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, after) = rest.split_first_chunk()?;
    let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
    let (bytes, after) = after.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
#[test]
fn the_corpus() {
    let folder = std::format!("{}/../fuzz/corpus/certificates", env!("CARGO_MANIFEST_DIR"));
    // The package comes without it.
    let Ok(files) = std::fs::read_dir(folder) else { return };
    let mut count = 0;
    for file in files {
        certificates(&std::fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert_ne!(count, 0);
}
