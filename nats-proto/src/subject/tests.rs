use proptest::prelude::*;

use super::*;

#[test]
fn subjects() {
    let table: &[(&str, Result<(), SubjectError>)] = &[
        ("a", Ok(())),
        ("a.b.c", Ok(())),
        ("$SYS.REQ.USER.INFO", Ok(())),
        ("grün.日本", Ok(())),
        ("a*", Ok(())),
        ("*a.b>", Ok(())),
        ("a.>b", Ok(())),
        ("a.**", Ok(())),
        ("", Err(SubjectError::Empty)),
        (".", Err(SubjectError::EmptyToken { at: 0 })),
        (".a", Err(SubjectError::EmptyToken { at: 0 })),
        ("a.", Err(SubjectError::EmptyToken { at: 2 })),
        ("a..b", Err(SubjectError::EmptyToken { at: 2 })),
        ("a b", Err(SubjectError::Forbidden { at: 1 })),
        ("a\tb", Err(SubjectError::Forbidden { at: 1 })),
        ("a\r\nPUB b 0", Err(SubjectError::Forbidden { at: 1 })),
        ("a\0", Err(SubjectError::Forbidden { at: 1 })),
        ("a\u{7F}", Err(SubjectError::Forbidden { at: 1 })),
        ("*", Err(SubjectError::Wildcard { at: 0 })),
        ("a.*.b", Err(SubjectError::Wildcard { at: 2 })),
        ("a.>", Err(SubjectError::Wildcard { at: 2 })),
        (">.a", Err(SubjectError::Wildcard { at: 0 })),
    ];
    for &(text, expected) in table {
        assert_eq!(Subject::new(text).map(|_| ()), expected, "{text:?}");
        assert_eq!(QueueGroup::new(text).map(|_| ()), expected, "{text:?}");
    }
}

#[test]
fn filters() {
    let table: &[(&str, Result<(), SubjectError>)] = &[
        ("a.b", Ok(())),
        ("*", Ok(())),
        (">", Ok(())),
        ("*.*.a.>", Ok(())),
        ("a.*b", Ok(())),
        ("a.>b.c", Ok(())),
        ("a.>.b", Err(SubjectError::NotLast { at: 2 })),
        (">.>", Err(SubjectError::NotLast { at: 0 })),
        ("a.>.", Err(SubjectError::NotLast { at: 2 })),
        ("a.*.", Err(SubjectError::EmptyToken { at: 4 })),
        ("", Err(SubjectError::Empty)),
        ("a. b", Err(SubjectError::Forbidden { at: 2 })),
    ];
    for &(text, expected) in table {
        assert_eq!(Filter::new(text).map(|_| ()), expected, "{text:?}");
    }
}

#[test]
fn literals_are_checked_by_the_compiler() {
    const FILTER: Filter<'static> = Filter::from_static("a.*.>");
    const QUEUE: QueueGroup<'static> = QueueGroup::from_static("workers");
    assert_eq!((FILTER.as_str(), QUEUE.as_str()), ("a.*.>", "workers"));
}

#[test]
#[should_panic(expected = "not a valid subject")]
fn a_bad_literal_panics() {
    let _ = Subject::from_static("a..b");
}

#[test]
fn errors_say_where() {
    let error = Filter::new("a.>.b").unwrap_err();
    assert_eq!(std::format!("{error}"), "`>` at byte 2 is not the last token");
}

#[test]
fn matching_table() {
    // The examples of the NATS documentation, and the edges.
    let table = [
        ("time.*.east", "time.us.east", true),
        ("time.*.east", "time.us.east.atlanta", false),
        ("time.us.*", "time.us", false),
        ("time.us.>", "time.us", false),
        ("time.us.>", "time.us.east", true),
        ("time.us.>", "time.us.east.atlanta", true),
        ("*.*.east.>", "time.us.east.atlanta", true),
        ("New*", "NewYork", false),
        ("New*", "New*", true),
        (">", "a", true),
        ("*", "a", true),
        ("*", "a.b", false),
        ("a", "A", false),
        ("a.b", "a.b.c", false),
        ("a.b.c", "a.b", false),
    ];
    for (filter, subject, expected) in table {
        let filter = Filter::new(filter).unwrap();
        let subject = Subject::new(subject).unwrap();
        assert_eq!(filter.matches(subject), expected, "{filter} {subject}");
    }
}

#[test]
fn subset_table() {
    let table = [
        ("a.b", "a.b", true),
        ("a.b", "a.*", true),
        ("a.*", "a.b", false),
        ("a.*", "a.>", true),
        ("a.>", "a.*", false),
        ("a.>", "a.>", true),
        ("*.>", ">", true),
        (">", "*.>", false),
        ("*", ">", true),
        (">", "*", false),
        ("a.*.>", "a.>", true),
        ("a.>", "a.*.>", false),
        ("a", "a.>", false),
        ("a.b.c", "a.b", false),
    ];
    for (inner, outer, expected) in table {
        let inner = Filter::new(inner).unwrap();
        let outer = Filter::new(outer).unwrap();
        assert_eq!(inner.is_subset_of(outer), expected, "{inner} in {outer}");
    }
}

/// The documentation's two sentences on wildcards, word by word.
fn naive_matches(filter: &[&str], subject: &[&str]) -> bool {
    match (filter.split_first(), subject.split_first()) {
        (Some((&">", [])), Some(_)) => true,
        (Some((&"*", filter)), Some((_, subject))) => naive_matches(filter, subject),
        (Some((a, filter)), Some((b, subject))) => a == b && naive_matches(filter, subject),
        (None, None) => true,
        _ => false,
    }
}

fn every_subject(tokens: usize) -> std::vec::Vec<std::vec::Vec<&'static str>> {
    let mut all: std::vec::Vec<std::vec::Vec<&str>> = std::vec![std::vec![]];
    let mut shorter = all.clone();
    for _ in 0..tokens {
        shorter = shorter
            .iter()
            .flat_map(|head| {
                ["a", "b", "c"].map(|token| {
                    let mut longer = head.clone();
                    longer.push(token);
                    longer
                })
            })
            .collect();
        all.extend(shorter.clone());
    }
    all.remove(0);
    all
}

fn filter_text() -> impl Strategy<Value = std::string::String> {
    let token = prop_oneof![Just("a"), Just("b"), Just("*")];
    (prop::collection::vec(token, 0..4), any::<bool>()).prop_map(|(mut tokens, open)| {
        if open || tokens.is_empty() {
            tokens.push(">");
        }
        tokens.join(".")
    })
}

proptest! {
    #[test]
    fn matching_agrees_with_the_naive_oracle(filter in filter_text()) {
        let naive: std::vec::Vec<&str> = filter.split('.').collect();
        let filter = Filter::new(&filter).unwrap();
        for subject in every_subject(4) {
            let text = subject.join(".");
            prop_assert_eq!(
                filter.matches(Subject::new(&text).unwrap()),
                naive_matches(&naive, &subject),
                "{} {}", filter, text
            );
        }
    }

    #[test]
    fn subset_means_no_subject_is_left_out(inner in filter_text(), outer in filter_text()) {
        let inner = Filter::new(&inner).unwrap();
        let outer = Filter::new(&outer).unwrap();
        // Five tokens of three letters tell any two filters of at most four tokens apart.
        let exhaustive = every_subject(5).iter().all(|subject| {
            let text = subject.join(".");
            let subject = Subject::new(&text).unwrap();
            !inner.matches(subject) || outer.matches(subject)
        });
        prop_assert_eq!(inner.is_subset_of(outer), exhaustive, "{} in {}", inner, outer);
    }

    #[test]
    fn validation_agrees_with_the_naive_oracle(
        text in "[ab.*>\\t \\x00é]{0,8}|[a-cA/+?~.*>\\x7F!é]{7,30}|\\.?[a-c]{1,9}(\\.{1,2}[a-c]{1,9}){0,4}\\.?"
    ) {
        let tokens = || text.split('.');
        let plain = !text.is_empty()
            && tokens().all(|token| !token.is_empty())
            && text.chars().all(|c| c > ' ' && c != '\u{7F}');
        let count = tokens().count();
        let literal = tokens().all(|token| token != "*" && token != ">");
        let closed = tokens().take(count - 1).all(|token| token != ">");
        prop_assert_eq!(Subject::new(&text).is_ok(), plain && literal);
        prop_assert_eq!(QueueGroup::new(&text).is_ok(), plain && literal);
        prop_assert_eq!(Filter::new(&text).is_ok(), plain && closed);
    }

    #[test]
    fn raw_bytes_never_panic(filter: std::vec::Vec<u8>, subject: std::vec::Vec<u8>) {
        let _ = matches(&filter, &subject);
        let _ = covers(&filter, &subject);
    }
}
