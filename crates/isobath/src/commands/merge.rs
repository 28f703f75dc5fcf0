use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{GlobalArgs, exit, report::find, run::note};
use isobath_report::count;
use isobath_store::{MergeOutcome, RunFolder};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run: its folder, or a prefix of its name
    run: String,
    /// Also merge the results in this run folder, such as a copy from another host; nothing in it changes
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Remove shard files once their results are in results.sqlite; files of running shards stay
    #[arg(long)]
    remove_shards: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let path = find(global, &arguments.run)?;
    let folder = RunFolder::lock_to_merge(path, &note)?;
    let outcome = isobath_store::merge(&folder, &arguments.from, arguments.remove_shards)?;
    let MergeOutcome { files, added, identical, removed, running } = outcome;
    if arguments.json {
        let outcome = json!({
            "files": files, "added": added, "identical": identical,
            "removed": removed, "running": running,
        });
        println!("{outcome}");
        return Ok(exit::DONE);
    }
    println!(
        "{} merged: {} added, {identical} already there",
        count(files, "file"),
        count(added, "record")
    );
    for path in removed {
        println!("removed {}", path.display());
    }
    for path in running {
        println!("kept {}, because its shard runs or may run on another host", path.display());
    }
    Ok(exit::DONE)
}
