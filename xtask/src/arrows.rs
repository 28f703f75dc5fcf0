//! Allowed dependencies between crates. The table is the architecture; see ARCHITECTURE.md.

use std::{fs, path::Path};

use crate::step::root;

/// A crate of the workspace.
struct Member {
    /// Package name without `isobath-`.
    name: &'static str,
    folder: &'static str,
    /// Workspace crates that it may depend on.
    uses: &'static [&'static str],
    /// Additional workspace crates that its tests may depend on.
    tests_use: &'static [&'static str],
}

const fn member(
    name: &'static str,
    folder: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
) -> Member {
    Member { name, folder, uses, tests_use }
}

/// All crates of the workspace, the lowest first: a crate depends only on crates above it in this list.
#[rustfmt::skip]
const TABLE: &[Member] = &[
    member("testkit", "crates/testkit", &[], &[]),
    member("architecture", "crates/architecture", &[], &[]),
    member("tensor", "crates/tensor", &["architecture"], &["testkit", "tensor"]),
    member("datasets", "datasets", &[], &["testkit"]),
    member("cuda-sim", "crates/cuda-sim", &["tensor"], &["architecture", "network", "cascade", "trainer", "testkit"]),
    member("network", "crates/network", &["architecture", "tensor"], &["testkit"]),
    member("import", "crates/import", &["architecture", "network", "tensor"], &["import"]),
    member("meanfield", "crates/meanfield", &["architecture"], &["network", "tensor", "testkit"]),
    member("cascade", "crates/cascade", &["architecture", "network", "tensor"], &["meanfield", "testkit"]),
    member("entropy", "crates/entropy", &["tensor"], &["testkit"]),
    member("trainer", "crates/trainer", &["architecture", "network", "tensor"], &["datasets", "testkit"]),
    member("predictors", "crates/predictors",
        &["architecture", "tensor", "network", "meanfield", "cascade", "trainer", "entropy"], &["datasets", "testkit"]),
    member("scoring", "crates/scoring", &[], &["testkit"]),
    member("verdict", "crates/verdict",
        &["architecture", "tensor", "network", "cascade", "trainer", "predictors", "scoring"], &["testkit"]),
    member("experiment", "crates/experiment",
        &["architecture", "tensor", "datasets", "meanfield", "cascade", "entropy", "trainer"],
        &["network", "testkit"]),
    member("store", "crates/store", &["tensor", "entropy", "trainer", "experiment"], &["testkit"]),
    member("runner", "crates/runner",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer", "predictors",
          "experiment", "store"],
        &["store", "testkit"]),
    member("analysis", "crates/analysis",
        &["architecture", "meanfield", "entropy", "trainer", "predictors", "scoring", "experiment", "store"],
        &["store", "testkit"]),
    member("report", "crates/report",
        &["entropy", "trainer", "scoring", "experiment", "store", "analysis"], &["store", "analysis", "testkit"]),
    member("isobath", "crates/isobath",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer",
          "experiment", "import", "store", "runner", "analysis", "report", "verdict"],
        &["import", "testkit"]),
    member("benches", "benches",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer"], &["testkit"]),
    member("fuzz", "fuzz",
        &["architecture", "tensor", "datasets", "import", "entropy", "experiment", "store"], &[]),
    member("xtask", "xtask", &[], &[]),
];

/// Checks every manifest against the table.
///
/// # Errors
/// Lists all dependencies that the table does not allow.
pub(crate) fn check() -> Result<(), String> {
    let mut wrong = Vec::new();
    for Member { name, folder, uses, tests_use } in TABLE {
        let path = root().join(folder).join("Cargo.toml");
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let tests: Vec<&str> = uses.iter().chain(*tests_use).copied().collect();
        wrong.extend(
            forbidden(&text, "dependencies", uses).into_iter().map(|to| format!("{name} -> {to}")),
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
        Err(format!("dependencies that ARCHITECTURE.md does not allow: {}", wrong.join(", ")))
    }
}

/// Workspace crates in a table of a manifest that are not in `allowed`.
fn forbidden<'a>(manifest: &'a str, table: &str, allowed: &[&str]) -> Vec<&'a str> {
    let is_member = |name: &str| TABLE.iter().any(|member| member.name == name);
    dependencies(manifest, table)
        .filter(|name| is_member(name) && !allowed.contains(name))
        .collect()
}

/// Dependency names in a table of a manifest.
fn dependencies<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{table}]");
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != head).skip(1);
    let entries = lines.take_while(|line| !line.starts_with('['));
    entries
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .map(|name| name.strip_prefix("isobath-").unwrap_or(name))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
}

/// Folders under `crates/` that are missing from the table.
fn unknown_members() -> Vec<String> {
    let known =
        |folder: &str| TABLE.iter().any(|member| Path::new(member.folder).ends_with(folder));
    let entries = fs::read_dir(root().join("crates")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| !known(name))
        .map(|name| format!("crates/{name} is missing from the table in xtask/src/arrows.rs"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"x\"\n[dependencies]\nisobath-tensor.workspace = true\n# a comment\nisobath-network = { path = \"y\" }\nserde = \"1\"\n\n[dev-dependencies]\nisobath-cascade.workspace = true\n";

    #[test]
    fn forbidden_dependencies_are_found() {
        assert_eq!(forbidden(MANIFEST, "dependencies", &["tensor"]), ["network"]);
        assert_eq!(forbidden(MANIFEST, "dependencies", &["tensor", "network"]), Vec::<&str>::new());
        assert_eq!(forbidden(MANIFEST, "dev-dependencies", &[]), ["cascade"]);
    }

    #[test]
    fn workspace_has_no_forbidden_dependencies() {
        assert_eq!(check(), Ok(()));
    }
}
