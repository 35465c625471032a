//! The files that the arena's site reads: an array for each profile and
//! connection count, the entries, the machine.

use super::cell::Cell;
use super::environment::line;
use super::result;
use super::{Plan, cpus};
use crate::entries::{self, Entry};
use crate::error::Error;
use crate::profiles::Generation;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes all of them below `folder`.
pub(super) fn write(plan: &Plan<'_>, folder: &Path, groups: &[Vec<Cell<'_>>]) -> Result<(), Error> {
    for group in groups {
        let Some(first) = group.first() else { continue };
        let new: Vec<Value> = group
            .iter()
            .filter_map(|cell| cell.arena_fields().map(Value::Object))
            .collect();
        let name = format!("{}-{}.json", first.profile.name, first.connections);
        let path = folder.join(name);
        result::write(&path, &Value::Array(merged(saved(&path), new)))?;
    }
    let mut known = entries::all(plan.root)?;
    let named = plan.entries.iter().filter(|entry| {
        let twice = known.iter().any(|other| other.folder == entry.folder);
        !twice
    });
    let named: Vec<Entry> = named.cloned().collect();
    known.extend(named);
    let newest = plan.profiles.iter().map(|row| row.generation).max();
    let list = frameworks(&known, newest.unwrap_or(Generation::April2026));
    result::write(&folder.join("frameworks.json"), &Value::Object(list))?;
    result::write(&folder.join("current.json"), &machine(plan))
}

/// What the file has so far. One that cannot be understood is kept beside: others'
/// results may be in it.
fn saved(path: &Path) -> Vec<Value> {
    let Ok(text) = std::fs::read(path) else {
        return Vec::new();
    };
    serde_json::from_slice(&text).unwrap_or_else(|why| {
        let beside = path.with_extension("json.broken");
        println!(
            "{} is no list of results ({why}): moved to {}",
            path.display(),
            beside.display()
        );
        let _ = std::fs::rename(path, beside);
        Vec::new()
    })
}

/// New results replace those of the same display name; of several new ones the
/// fastest stays.
fn merged(old: Vec<Value>, new: Vec<Value>) -> Vec<Value> {
    let name = |value: &Value| value["framework"].as_str().unwrap_or_default().to_owned();
    let rate = |value: &Value| value["rps"].as_u64().unwrap_or(0);
    let mut fastest: BTreeMap<String, Value> = BTreeMap::new();
    for value in new {
        let best = fastest.get(&name(&value)).map_or(0, rate);
        if best <= rate(&value) {
            fastest.insert(name(&value), value);
        }
    }
    let mut all: Vec<Value> = old
        .into_iter()
        .filter(|value| !fastest.contains_key(&name(value)))
        .collect();
    all.extend(fastest.into_values());
    all.sort_by_key(|value| name(value).to_lowercase());
    all
}

/// By folder in 2026-03; in 2026-04 by display name, with the folders that
/// share one as variants of the first.
fn frameworks(entries: &[Entry], generation: Generation) -> Map<String, Value> {
    let fields = |entry: &Entry| {
        json!({
            "description": entry.meta.description,
            "repo": entry.meta.repo,
            "type": entry.meta.kind,
            "engine": entry.meta.engine,
        })
    };
    if generation == Generation::March2026 {
        let list = entries.iter();
        return list
            .map(|entry| (entry.name.clone(), fields(entry)))
            .collect();
    }
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_name
            .entry(&entry.meta.display_name)
            .or_default()
            .push(entry);
    }
    let with_folder = |entry: &Entry| {
        let mut value = fields(entry);
        value["dir"] = json!(entry.name);
        value
    };
    let mut list = Map::new();
    for (name, mut variants) in by_name {
        variants.sort_by_key(|entry| (entry.name != name, entry.name.clone()));
        let mut variants = variants.into_iter();
        let Some(first) = variants.next() else {
            continue;
        };
        let mut value = with_folder(first);
        let others: Vec<Value> = variants.map(with_folder).collect();
        if !others.is_empty() {
            value["variants"] = Value::Array(others);
        }
        list.insert(name.to_owned(), value);
    }
    list
}

/// All texts, as the site wants them.
fn machine(plan: &Plan<'_>) -> Value {
    let found = super::environment::of_this_machine(plan.root, &cpus::Split::of_this_machine());
    let text = |name: &str| match &found[name] {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".into(),
        other => other.to_string(),
    };
    let setting = |name: &str| {
        let value = line(format!("/proc/sys/net/{name}"));
        value.unwrap_or_else(|| "unknown".into())
    };
    let threads = found["cpus"].as_u64().unwrap_or(1);
    let cores = found["cores"].as_u64().unwrap_or(1).max(1);
    let gib = found["memory_bytes"].as_f64().unwrap_or(0.0) / f64::from(1 << 30);
    let docker = match plan.mode {
        crate::launch::Mode::Native => None,
        crate::launch::Mode::Docker(docker) => docker.answers().ok(),
    };
    json!({
        "cpu": text("cpu"),
        "cores": cores.to_string(),
        "threads": threads.to_string(),
        "threads_per_core": (threads / cores).to_string(),
        "ram": format!("{gib:.0}Gi"),
        "os": text("os"),
        "kernel": text("kernel"),
        "docker": docker.as_deref().unwrap_or("none"),
        "docker_runtime": if docker.is_some() { "runc" } else { "none" },
        "governor": text("governor"),
        "date": super::clock::written(super::clock::now()),
        "commit": text("commit"),
        "tcp": {
            "lo_mtu": text("lo_mtu"),
            "congestion": setting("ipv4/tcp_congestion_control"),
            "somaxconn": setting("core/somaxconn"),
            "rmem_max": setting("core/rmem_max"),
            "wmem_max": setting("core/wmem_max"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::entry;

    #[test]
    fn results_are_replaced_by_display_name_and_sorted() {
        let result = |name: &str, rps: u64| json!({"framework": name, "rps": rps});
        let old = vec![result("Zeta", 9), result("sws", 100)];
        let new = vec![result("sws", 50), result("actix", 7), result("actix", 8)];
        let expected = [result("actix", 8), result("sws", 50), result("Zeta", 9)];
        assert_eq!(merged(old, new), expected);
    }

    #[test]
    fn what_cannot_be_understood_is_kept_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("json-512.json");
        assert!(saved(&path).is_empty());
        std::fs::write(&path, "[{\"framework\": \"Zeta\"").unwrap();
        assert!(saved(&path).is_empty());
        assert!(!path.exists() && folder.path().join("json-512.json.broken").exists());
    }

    #[test]
    fn entries_have_the_form_of_their_generation() {
        let mut entries = [entry("sws-epoll"), entry("hyper"), entry("sws")];
        entries[0].meta.display_name = "sws".into();
        entries[1].meta.kind = "engine".into();
        let march = frameworks(&entries, Generation::March2026);
        assert_eq!(
            march.keys().collect::<Vec<_>>(),
            ["hyper", "sws", "sws-epoll"]
        );
        assert_eq!(
            march["hyper"],
            json!({"description": "", "repo": "", "type": "engine", "engine": ""})
        );
        let april = frameworks(&entries, Generation::April2026);
        assert_eq!(april.keys().collect::<Vec<_>>(), ["hyper", "sws"]);
        assert_eq!(april["sws"]["dir"], "sws");
        assert_eq!(april["sws"]["variants"][0]["dir"], "sws-epoll");
        assert_eq!(april["hyper"].get("variants"), None);
    }
}
