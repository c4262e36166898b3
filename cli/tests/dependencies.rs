//! Who may import whom. A small library stays usable as one only if nothing heavy reaches it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The project's own packages that each of them may name in its manifest, for building and for running.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("harness", &[]),
    ("checkers", &["harness"]),
    ("workloads", &["harness", "checkers"]),
    ("nemesis", &["harness", "hosts"]),
    ("reports", &["harness"]),
    ("store", &["harness"]),
    ("hosts", &["harness"]),
    ("databases", &["harness", "store", "hosts", "nemesis"]),
    ("fuzz", &["harness", "checkers"]),
    ("explorer", &["harness"]),
];

/// These compose everything, and nobody imports them but those that stand behind the first.
const COMPOSERS: &[&str] = &["cli", "xtask", "benches"];

/// What must never reach a user who only wants words, checkers or a store.
const HEAVY: &[&str] = &["tokio", "ssh2", "tiny_http", "axum", "stateright", "rustix", "clap"];
const LIGHT: &[&str] = &["harness", "checkers", "workloads", "nemesis", "reports", "store"];

/// The workspace as cargo knows it.
struct Workspace {
    /// Packages of the workspace by the folder that they live in.
    members: BTreeMap<String, String>,
    /// What each package's manifest names, by package: names of packages for normal and build dependencies.
    named: BTreeMap<String, BTreeSet<String>>,
    /// What is really built into each package, by package id, without development dependencies.
    built: BTreeMap<String, Vec<String>>,
    /// The name behind an id.
    names: BTreeMap<String, String>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("cargo metadata gives a text as {key}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("cargo metadata gives a list as {key}"))
}

fn workspace() -> Workspace {
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs")
    };
    // Packages of other platforms were never fetched by whoever built this.
    let version = String::from_utf8(cargo(&["-vV"]).stdout).expect("cargo says its version in UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
    let output = cargo(&["metadata", "--offline", "--filter-platform", host, "--format-version", "1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let ours: BTreeSet<&str> = list(&metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let (mut members, mut named, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for package in list(&metadata, "packages") {
        let (id, name) = (text(package, "id"), text(package, "name"));
        names.insert(id.to_string(), name.to_string());
        if ours.contains(id) {
            let folder = text(package, "manifest_path").rsplit('/').nth(1).expect("a manifest stands in a folder");
            members.insert(folder.to_string(), id.to_string());
            let normal = list(package, "dependencies").iter().filter(|dependency| dependency["kind"] != "dev");
            named.insert(id.to_string(), normal.map(|dependency| text(dependency, "name").to_string()).collect());
        }
    }
    let built = list(&metadata["resolve"], "nodes").iter().map(|node| {
        let normal = |edge: &&Value| list(edge, "dep_kinds").iter().any(|kind| kind["kind"] != "dev");
        let edges = list(node, "deps").iter().filter(normal).map(|edge| text(edge, "pkg").to_string());
        (text(node, "id").to_string(), edges.collect())
    });
    Workspace { members, named, built: built.collect(), names }
}

impl Workspace {
    /// The folders of the project's own packages that the one in `folder` names in its manifest.
    fn imports(&self, folder: &str) -> BTreeSet<&str> {
        let named = &self.named[&self.members[folder]];
        self.members
            .iter()
            .filter(|(_, id)| named.contains(&self.names[*id]))
            .map(|(folder, _)| folder.as_str())
            .collect()
    }

    /// The names of all packages that are built into the one in `folder`.
    fn reaches(&self, folder: &str) -> BTreeSet<&str> {
        let (mut seen, mut left) = (BTreeSet::new(), vec![&self.members[folder]]);
        while let Some(id) = left.pop() {
            if seen.insert(id) {
                left.extend(&self.built[id]);
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

#[test]
fn every_package_imports_only_whom_it_may() {
    let workspace = workspace();
    for (folder, may) in MAY_IMPORT {
        for imported in workspace.imports(folder) {
            assert!(may.contains(&imported), "{folder} imports {imported}; it may import {may:?}");
        }
    }
    let known = |folder: &str| COMPOSERS.contains(&folder) || MAY_IMPORT.iter().any(|(name, _)| *name == folder);
    for folder in workspace.members.keys() {
        assert!(known(folder), "say in this test whom {folder} may import");
        let by: Vec<&String> = workspace.members.keys().filter(|by| workspace.imports(by).contains("cli")).collect();
        assert!(by.iter().all(|by| *by == "xtask"), "cli is imported by {by:?}");
        assert!(!workspace.imports(folder).contains("xtask"), "{folder} imports xtask, which nothing may");
    }
    assert!(
        workspace.imports("cli").len() >= MAY_IMPORT.len() - 1,
        "the reader of manifests sees the composer's imports"
    );
}

#[test]
fn nothing_heavy_reaches_the_light_packages() {
    let workspace = workspace();
    for folder in LIGHT {
        let reached = workspace.reaches(folder);
        assert!(reached.contains("serde"), "the walk works: {folder} reaches {reached:?}");
        for heavy in HEAVY {
            assert!(!reached.contains(heavy), "{heavy} reaches {folder}: see `cargo tree -e normal -i {heavy}`");
        }
    }
    assert!(workspace.reaches("databases").contains("tokio"), "the walk finds what there is to find");
    let reached_by = |name: &str| -> Vec<&str> {
        let folders = workspace.members.keys().map(String::as_str);
        folders.filter(|folder| workspace.reaches(folder).contains(name)).collect()
    };
    for oracle in ["proptest", "insta", "criterion"] {
        assert_eq!(reached_by(oracle), Vec::<&str>::new(), "{oracle} is for tests only");
    }
    assert_eq!(reached_by("stateright"), ["cli", "explorer", "xtask"], "only the explorer searches with stateright");
}
