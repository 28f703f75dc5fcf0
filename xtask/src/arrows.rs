//! Which crate may depend on which. The table is the architecture; see ARCHITECTURE.md.

use std::{fs, path::Path};

use crate::step::root;

/// A crate of the workspace.
struct Member {
    /// The package, without `isobath-`.
    name: &'static str,
    folder: &'static str,
    /// Crates of the workspace that it may depend on.
    uses: &'static [&'static str],
    /// Crates of the workspace that its tests may use as well.
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

/// All crates of the workspace, the lowest first: a crate uses only crates above it.
#[rustfmt::skip]
const TABLE: &[Member] = &[
    member("testkit", "crates/testkit", &[], &[]),
    member("architecture", "crates/architecture", &[], &[]),
    member("tensor", "crates/tensor", &["architecture"], &["testkit", "tensor"]),
    member("datasets", "datasets", &[], &["testkit"]),
    member("cuda-sim", "crates/cuda-sim", &["tensor"], &["architecture", "network", "cascade", "trainer", "testkit"]),
    member("network", "crates/network", &["architecture", "tensor"], &["testkit"]),
    member("meanfield", "crates/meanfield", &["architecture"], &["network", "tensor", "testkit"]),
    member("cascade", "crates/cascade", &["architecture", "network", "tensor"], &["meanfield", "testkit"]),
    member("entropy", "crates/entropy", &["tensor"], &["testkit"]),
    member("trainer", "crates/trainer", &["architecture", "network", "tensor"], &["datasets", "testkit"]),
    member("predictors", "crates/predictors",
        &["architecture", "tensor", "network", "meanfield", "trainer", "entropy"], &["datasets", "testkit"]),
    member("scoring", "crates/scoring", &[], &["testkit"]),
    member("experiment", "crates/experiment",
        &["architecture", "tensor", "datasets", "meanfield", "cascade", "entropy", "trainer", "predictors"],
        &["network", "testkit"]),
    member("store", "crates/store", &["tensor", "entropy", "trainer", "experiment"], &["testkit"]),
    member("runner", "crates/runner",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer", "predictors",
          "experiment", "store"],
        &["store", "testkit"]),
    member("analysis", "crates/analysis",
        &["tensor", "meanfield", "entropy", "trainer", "predictors", "scoring", "experiment", "store"],
        &["store", "testkit"]),
    member("report", "crates/report",
        &["datasets", "entropy", "trainer", "scoring", "experiment", "store", "analysis"], &["store", "analysis", "testkit"]),
    member("isobath", "crates/isobath",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer", "predictors",
          "scoring", "experiment", "store", "runner", "analysis", "report"],
        &["testkit"]),
    member("benches", "benches",
        &["architecture", "tensor", "datasets", "network", "meanfield", "cascade", "entropy", "trainer"], &["testkit"]),
    member("xtask", "xtask", &[], &[]),
];

/// Holds every manifest against the table.
///
/// # Errors
/// With all arrows that the table does not have.
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
        Err(format!("arrows that ARCHITECTURE.md does not have: {}", wrong.join(", ")))
    }
}

/// Workspace crates named in a table of a manifest that are not among those allowed.
fn forbidden<'a>(manifest: &'a str, table: &str, allowed: &[&str]) -> Vec<&'a str> {
    let is_member = |name: &str| TABLE.iter().any(|member| member.name == name);
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
    let known =
        |folder: &str| TABLE.iter().any(|member| Path::new(member.folder).ends_with(folder));
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
