//! Values of the API's JSON that serde does not have: durations in nanoseconds, times in RFC 3339, and
//! changes to a configuration that is only partly known.

use serde_json::Map;
use serde_json::Value;

/// Durations as whole nanoseconds; zero means that there is none.
pub(super) mod nanos {
    use std::time::Duration;

    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serialize;
    use serde::Serializer;

    pub(in crate::jetstream) fn serialize<S: Serializer>(
        duration: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to_nanos(*duration).serialize(to)
    }

    pub(in crate::jetstream) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        // A server may say -1 for no limit.
        i64::deserialize(from).map(from_nanos)
    }

    fn to_nanos(duration: Duration) -> i64 {
        i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
    }

    fn from_nanos(nanos: i64) -> Duration {
        Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }

    /// Lists of them.
    pub(in crate::jetstream) mod list {
        use super::Deserialize;
        use super::Deserializer;
        use super::Duration;
        use super::Serializer;
        use super::from_nanos;
        use super::to_nanos;

        pub(in crate::jetstream) fn serialize<S: Serializer>(
            durations: &[Duration],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.collect_seq(durations.iter().map(|duration| to_nanos(*duration)))
        }

        pub(in crate::jetstream) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Vec<Duration>, D::Error> {
            let nanos = Option::<Vec<i64>>::deserialize(from)?.unwrap_or_default();
            Ok(nanos.into_iter().map(from_nanos).collect())
        }
    }
}

/// Times, which servers write as `0001-01-01T00:00:00Z` where there is none.
pub(super) mod time {
    use nats_proto::jetstream::Timestamp;
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serializer;
    use serde::de::Error;

    pub(in crate::jetstream) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(in crate::jetstream) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        Timestamp::parse_optional(&text).map_err(D::Error::custom)
    }

    /// Times that are always there.
    pub(in crate::jetstream) mod required {
        use super::Deserializer;
        use super::Serializer;
        use super::Timestamp;

        pub(in crate::jetstream) fn serialize<S: Serializer>(
            time: &Timestamp,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            to.collect_str(time)
        }

        pub(in crate::jetstream) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Timestamp, D::Error> {
            super::deserialize(from).map(Option::unwrap_or_default)
        }
    }
}

/// `null` where a list or an object is expected, which is how Go writes an empty one.
pub(super) fn null_as_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    <Option<T> as serde::Deserialize>::deserialize(from).map(Option::unwrap_or_default)
}

/// Whether a field has its default and need not be written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Applies to `whole` what differs between `before` and `after`. Everything else stays as it is, fields
/// that these two do not know included.
pub(super) fn apply_changes(whole: &mut Value, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    match (whole, before, after) {
        (Value::Object(whole), Value::Object(before), Value::Object(after)) => {
            apply_to_object(whole, before, after);
        }
        (Value::Array(whole), Value::Array(before), Value::Array(after))
            if whole.len() == before.len() && before.len() == after.len() =>
        {
            for ((whole, before), after) in whole.iter_mut().zip(before).zip(after) {
                apply_changes(whole, before, after);
            }
        }
        (whole, _, after) => *whole = after.clone(),
    }
}

fn apply_to_object(
    whole: &mut Map<String, Value>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        whole.remove(key);
    }
    for (key, after) in after {
        match (whole.get_mut(key), before.get(key)) {
            (Some(whole), Some(before)) => apply_changes(whole, before, after),
            // What was left out because it is a default, and is not any more.
            (_, None) => {
                whole.insert(key.clone(), after.clone());
            }
            (None, Some(before)) if before == after => {}
            (None, Some(_)) => {
                whole.insert(key.clone(), after.clone());
            }
        }
    }
}

/// The fields of an object that are not as they were.
pub(super) fn changed_fields(before: &Value, after: &Value) -> Value {
    let after = after.as_object().into_iter().flatten();
    let changed = after.filter(|(key, value)| before.get(key) != Some(value));
    Value::Object(changed.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// The first field of `asked` that is not in `echo` with the same value: what an older server has left
/// out without a word.
pub(super) fn missing_field(asked: &Value, echo: &Value) -> Option<String> {
    let Value::Object(asked) = asked else { return None };
    asked.iter().find_map(|(key, asked)| {
        let echo = echo.get(key).unwrap_or(&Value::Null);
        if is_contained(asked, echo) { None } else { Some(key.clone()) }
    })
}

fn is_contained(asked: &Value, echo: &Value) -> bool {
    match (asked, echo) {
        (Value::Object(asked), echo) => asked
            .iter()
            .all(|(key, asked)| is_contained(asked, echo.get(key).unwrap_or(&Value::Null))),
        (Value::Array(asked), Value::Array(echo)) => {
            asked.len() == echo.len()
                && asked.iter().zip(echo).all(|(asked, echo)| is_contained(asked, echo))
        }
        (asked, Value::Null) => is_nothing(asked),
        // No limit is 0 to those who ask and -1 to those who answer.
        (Value::Number(asked), Value::Number(echo)) => {
            asked == echo || [asked, echo].iter().all(|n| n.as_i64().is_some_and(|n| n <= 0))
        }
        (asked, echo) => asked == echo,
    }
}

/// Whether a server may leave the value out of its answer.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64().is_some_and(|number| number <= 0),
        Value::String(text) => matches!(text.as_str(), "" | "none" | "default"),
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.values().all(is_nothing),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_changed_changes() {
        let whole = json!({
            "name": "S", "max_age": 5, "x_new": {"a": [1, "é"], "b": null},
            "placement": {"cluster": "c", "x_new": 1},
            "sources": [{"name": "a", "x": 1}, {"name": "b"}],
        });
        let before = json!({
            "name": "S", "max_age": 5, "placement": {"cluster": "c"},
            "sources": [{"name": "a"}, {"name": "b"}],
        });
        let changed = |after: Value| {
            let mut whole = whole.clone();
            apply_changes(&mut whole, &before, &after);
            whole
        };
        assert_eq!(changed(before.clone()), whole);

        let mut after = before.clone();
        after["placement"]["cluster"] = json!("d");
        after["max_msgs"] = json!(7);
        let mut expected = whole.clone();
        expected["placement"]["cluster"] = json!("d");
        expected["max_msgs"] = json!(7);
        assert_eq!(changed(after), expected);

        let mut after = before.clone();
        after["sources"][0]["name"] = json!("c");
        after.as_object_mut().unwrap().remove("max_age");
        let mut expected = whole.clone();
        expected["sources"][0]["name"] = json!("c");
        expected.as_object_mut().unwrap().remove("max_age");
        assert_eq!(changed(after), expected);

        let mut after = before.clone();
        after["sources"] = json!([{"name": "b"}]);
        let mut expected = whole.clone();
        expected["sources"] = json!([{"name": "b"}]);
        assert_eq!(changed(after), expected, "a list of another length is replaced");
    }

    #[test]
    fn what_a_server_has_left_out_is_found() {
        let missing = |asked: Value, echo: Value| missing_field(&asked, &echo);
        let same = json!({"name": "S", "max_msgs": -1, "metadata": {"a": "b"}});
        assert_eq!(missing(same.clone(), same), None);
        assert_eq!(missing(json!({"max_msgs": 0}), json!({"max_msgs": -1})), None);
        assert_eq!(missing(json!({"no_ack": false, "compression": "none"}), json!({})), None);
        assert_eq!(
            missing(
                json!({"metadata": {"a": "b"}}),
                json!({"metadata": {"a": "b", "_nats.ver": "2"}})
            ),
            None
        );
        assert_eq!(missing(json!({"compression": "s2"}), json!({})), Some("compression".into()));
        assert_eq!(missing(json!({"metadata": {"a": "b"}}), json!({})), Some("metadata".into()));
        assert_eq!(
            missing(
                json!({"sources": [{"name": "a", "filter": "b"}]}),
                json!({"sources": [{"name": "a"}]})
            ),
            Some("sources".into())
        );
    }
}
