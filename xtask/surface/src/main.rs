//! Lists the public surface of a crate, from what rustdoc writes about it as JSON: one line for each item.
//!
//! Items of other crates are listed as `bytes::Bytes`, without the modules between, which are theirs to
//! move. Of what is derived, the traits are listed and not their functions.

mod path;

use std::collections::HashMap;
use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use public_api::Builder;
use public_api::PublicApi;
use serde_json::Value;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: nats-surface FILE, which is rustdoc's JSON");
        return ExitCode::from(2);
    };
    match list(Path::new(&file)) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}

fn list(file: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let written = lines(&api(file, true)?).collect::<HashSet<_>>();
    let reexports = reexports(&serde_json::from_str(&fs::read_to_string(file)?)?);
    let all = api(file, false)?;
    let own = file.file_stem().unwrap_or_default().to_string_lossy();
    let is_listed = |line: &String| {
        let is_derived = line.starts_with("impl") && !line.contains("::StructuralPartialEq ");
        is_derived || written.contains(line)
    };
    let source = |line: String| {
        let source = line.strip_prefix("pub use ").and_then(|path| path.rsplit("::").next());
        match source.and_then(|name| reexports.get(name)) {
            Some(source) => format!("{line} = {source}"),
            None => line,
        }
    };
    Ok(lines(&all).filter(is_listed).map(source).map(|line| path::shorten(&line, &own)).collect())
}

fn api(file: &Path, without_derived: bool) -> Result<PublicApi, public_api::Error> {
    Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(without_derived)
        .build()
}

fn lines(api: &PublicApi) -> impl Iterator<Item = String> {
    api.items().map(ToString::to_string)
}

/// What is exported of other crates: the name it has here, and its path there.
fn reexports(json: &Value) -> HashMap<String, String> {
    let items = json.get("index").and_then(Value::as_object).into_iter().flatten();
    items
        .filter_map(|(_, item)| {
            let item = item.get("inner")?.get("use")?;
            let target = json.get("paths")?.get(item.get("id")?.to_string())?;
            if target.get("crate_id")?.as_u64()? == 0 {
                return None;
            }
            let path = target.get("path")?.as_array()?.iter().filter_map(Value::as_str);
            Some((item.get("name")?.as_str()?.to_owned(), path.collect::<Vec<_>>().join("::")))
        })
        .collect()
}
