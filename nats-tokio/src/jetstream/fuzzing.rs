//! What JetStream reads as JSON.

#![expect(clippy::expect_used, reason = "a test")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::account::AccountInfo;
use super::consumer;
use super::context::read_json;
use super::json;
use super::stream;

/// Whatever a server answers can be read or is an error; a configuration that can be read stays as it is unless it
/// is changed, with everything in it that is not known.
pub fn jetstream_json(data: &[u8]) {
    let Ok(answer) = read_json(data) else { return };
    let _ = serde_json::from_value::<AccountInfo>(answer.clone());
    let _ = serde_json::from_value::<stream::Info>(answer.clone());
    let _ = serde_json::from_value::<consumer::Info>(answer.clone());
    let _ = serde_json::from_value::<consumer::Paused>(answer.clone());
    let _ = stream::read_stored(&answer);
    let config = answer.get("config").unwrap_or(&answer);
    assert_eq!(json::missing_field(config, config), None);
    survives::<stream::Config>(config, |config| config.description.push('x'));
    survives::<consumer::Config>(config, |config| config.description.push('x'));
}

/// Whether an update leaves everything as it is but what is changed, which is the description.
fn survives<T>(whole: &Value, change: impl Fn(&mut T))
where
    T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug,
{
    // Serde reads a list as a structure, too, which no server sends.
    if !whole.is_object() {
        return;
    }
    let Ok(mut config) = serde_json::from_value::<T>(whole.clone()) else { return };
    let before = serde_json::to_value(&config).expect("a configuration is JSON");
    let again = serde_json::from_value::<T>(before.clone()).expect("what was written is read");
    assert_eq!(again, config);
    let mut updated = whole.clone();
    json::apply_changes(&mut updated, &before, &before);
    assert_eq!(&updated, whole);

    change(&mut config);
    let after = serde_json::to_value(&config).expect("a configuration is JSON");
    json::apply_changes(&mut updated, &before, &after);
    let mut expected = whole.clone();
    let object = expected.as_object_mut().expect("a configuration is an object");
    let description = after.get("description").expect("it was changed");
    object.insert("description".to_owned(), description.clone());
    assert_eq!(updated, expected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus() {
        let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
        if !std::path::Path::new(all).exists() {
            // This is the package alone, which does not have it.
            return;
        }
        let folder = format!("{all}/corpus/jetstream_json");
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("a corpus") {
            let data = std::fs::read(entry.expect("a file").path()).expect("a file");
            jetstream_json(&data);
            // And cut off, and with other bytes.
            for at in (0..data.len()).step_by(5) {
                jetstream_json(&data[..at]);
                let mut other = data.clone();
                other[at] ^= 1 << (at % 7);
                jetstream_json(&other);
            }
            count += 1;
        }
        assert!(count > 0, "{folder} is empty");
    }
}
