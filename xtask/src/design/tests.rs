use super::*;

#[test]
fn steps_are_found_between_backticks() {
    let text = "1. `tokio/driver.rs:run`, then `proto/session/phase.rs:phase` and `driver.rs`.\n\
                ```text\ntokio/client.rs:publish\n```\n`embassy/state.rs:a b` `other/a.rs:b`";
    let found: Vec<_> = steps(text).iter().map(Step::text).collect();
    assert_eq!(found, ["tokio/driver.rs:run", "proto/session/phase.rs:phase"]);
    assert_eq!(
        step("tokio/driver.rs:run"),
        Some(Step {
            folder: "nats-tokio/src/",
            name: "tokio/",
            file: "driver.rs",
            function: "run"
        })
    );
}

#[test]
fn a_function_is_defined_by_its_whole_name() {
    let code = "pub fn run_all() {}\nasync fn turn<T>(t: T) {}\nfn wait(self) {}";
    for (function, expected) in
        [("run", false), ("run_all", true), ("turn", true), ("wait", true), ("all", false)]
    {
        assert_eq!(defines(code, function), expected, "{function}");
    }
}

#[test]
fn what_is_not_in_the_code_is_noticed() {
    assert!(step("tokio/driver.rs:run").is_some_and(|step| step.exists(&root())));
    assert!(step("tokio/driver.rs:walk").is_some_and(|step| !step.exists(&root())));
    assert!(step("tokio/car.rs:run").is_some_and(|step| !step.exists(&root())));
}
