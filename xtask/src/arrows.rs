//! Which crate may depend on which. The table is the architecture; see ARCHITECTURE.md.

use std::{fs, path::Path};

use crate::step::root;

/// Crate, folder, workspace crates it may depend on, and those its tests may use as well.
const TABLE: [(&str, &str, &[&str], &[&str]); 15] = [
    ("architecture", "crates/architecture", &[], &[]),
    ("tensor", "crates/tensor", &["architecture"], &["testkit", "tensor"]),
    // For tests only: nobody depends on it.
    (
        "cuda-sim",
        "crates/cuda-sim",
        &["tensor"],
        &["architecture", "cascade", "network", "testkit", "trainer"],
    ),
    ("testkit", "crates/testkit", &[], &[]),
    ("datasets", "datasets", &[], &["testkit"]),
    ("network", "crates/network", &["architecture", "tensor"], &["testkit"]),
    ("meanfield", "crates/meanfield", &["architecture"], &["network", "tensor", "testkit"]),
    ("trainer", "crates/trainer", &["architecture", "network", "tensor"], &["datasets", "testkit"]),
    (
        "cascade",
        "crates/cascade",
        &["architecture", "network", "tensor"],
        &["meanfield", "testkit"],
    ),
    ("entropy", "crates/entropy", &["tensor"], &["testkit"]),
    (
        "predictors",
        "crates/predictors",
        &["architecture", "tensor", "network", "meanfield", "trainer"],
        &["datasets", "testkit"],
    ),
    ("scoring", "crates/scoring", &[], &["testkit"]),
    (
        "runner",
        "crates/runner",
        &[
            "architecture",
            "tensor",
            "datasets",
            "network",
            "meanfield",
            "trainer",
            "predictors",
            "scoring",
            "cascade",
            "entropy",
        ],
        &["testkit"],
    ),
    (
        "benches",
        "benches",
        &[
            "architecture",
            "tensor",
            "datasets",
            "network",
            "meanfield",
            "trainer",
            "cascade",
            "entropy",
            "runner",
        ],
        &["testkit"],
    ),
    ("xtask", "xtask", &[], &[]),
];

/// Holds every manifest against the table.
///
/// # Errors
/// With all arrows that the table does not have.
pub(crate) fn check() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (name, folder, normal, dev) in TABLE {
        let path = root().join(folder).join("Cargo.toml");
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let tests: Vec<&str> = normal.iter().chain(dev).copied().collect();
        wrong.extend(
            forbidden(&text, "dependencies", normal)
                .into_iter()
                .map(|to| format!("{name} -> {to}")),
        );
        wrong.extend(
            forbidden(&text, "build-dependencies", &[])
                .into_iter()
                .map(|to| format!("{name} -> {to}")),
        );
        wrong.extend(
            forbidden(&text, "dev-dependencies", &tests)
                .into_iter()
                .map(|to| format!("{name} -> {to} (dev)")),
        );
    }
    wrong.extend(unknown_members());
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("arrows that ARCHITECTURE.md does not have: {}", wrong.join(", ")))
    }
}

/// Workspace crates named in a table of a manifest that are not among those allowed.
fn forbidden<'a>(manifest: &'a str, table: &str, allowed: &[&str]) -> Vec<&'a str> {
    let is_member = |name: &str| TABLE.iter().any(|(member, ..)| *member == name);
    dependencies(manifest, table)
        .filter(|name| is_member(name) && !allowed.contains(name))
        .collect()
}

/// Names in a table of a manifest.
fn dependencies<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{table}]");
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != head).skip(1);
    let entries = lines.take_while(|line| !line.starts_with('['));
    entries
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .map(|name| name.strip_prefix("isobath-").unwrap_or(name))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
}

/// Folders under `crates/` that the table does not know.
fn unknown_members() -> Vec<String> {
    let known = |folder: &str| TABLE.iter().any(|(_, path, ..)| Path::new(path).ends_with(folder));
    let entries = fs::read_dir(root().join("crates")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| !known(name))
        .map(|name| format!("crates/{name} is not in xtask's table"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"x\"\n[dependencies]\nisobath-tensor.workspace = true\n# a comment\nisobath-network = { path = \"y\" }\nserde = \"1\"\n\n[dev-dependencies]\nisobath-cascade.workspace = true\n";

    #[test]
    fn arrows_outside_the_table_are_found() {
        assert_eq!(forbidden(MANIFEST, "dependencies", &["tensor"]), ["network"]);
        assert_eq!(forbidden(MANIFEST, "dependencies", &["tensor", "network"]), Vec::<&str>::new());
        assert_eq!(forbidden(MANIFEST, "dev-dependencies", &[]), ["cascade"]);
    }

    #[test]
    fn this_workspace_keeps_its_arrows() {
        assert_eq!(check(), Ok(()));
    }
}
